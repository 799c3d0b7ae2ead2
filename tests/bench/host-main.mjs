// @ts-check
// Loads the measuring code through Vite, which makes the runners' files of our sources.

import { openSourceServer } from "../setup/source-server.mjs";

const server = await openSourceServer();
try {
  const { measureHost } = await server.ssrLoadModule("/tests/bench/host.ts");
  await measureHost(process.argv[2] ?? "");
} finally {
  await server.close();
}
process.exit();
