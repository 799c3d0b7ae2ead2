// @ts-check
/** `npm run bench:telemetry`: what telemetry adds to a trivial program, in Node. Loaded through Vite, as the suites are. */
import { createServer } from "vite";

const server = await createServer({
  root: new URL("../..", import.meta.url).pathname,
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});
try {
  const { measureTelemetry } = await server.ssrLoadModule("/tests/bench/telemetry.ts");
  await measureTelemetry();
} finally {
  await server.close();
}
process.exit();
