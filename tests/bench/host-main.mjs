// @ts-check
// Loads the measuring code through Vite, which makes the runners' files of our sources.

import { createServer } from "vite";

const server = await createServer({
  root: new URL("../..", import.meta.url).pathname,
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});
try {
  const { measureHost } = await server.ssrLoadModule("/tests/bench/host.ts");
  await measureHost(process.argv[2] ?? "");
} finally {
  await server.close();
}
process.exit();
