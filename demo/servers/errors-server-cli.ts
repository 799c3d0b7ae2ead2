// Usage: node demo/servers/errors-server-cli.ts [--port 4701]

import { parseArgs } from "node:util";
import { messageOf } from "../../src/base/errors.ts";
import { startErrorsServer } from "./errors-server.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "4701" } } });
try {
  const { url, close } = await startErrorsServer({ port: Number(values.port) });
  console.log(`Errors server: ${url}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void close());
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
