// Usage: node demo/servers/errors-server-cli.ts [--port 4701]

import { parseArgs } from "node:util";
import { messageOf } from "../../src/base/errors.ts";
import { startErrorsServer } from "./errors-server.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "4701" } } });
try {
  const server = await startErrorsServer({ port: Number(values.port) });
  console.log(`Errors server: ${server.url}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
