// @ts-check
/** `npm run bench:telemetry`: what telemetry adds to a trivial program, in Node. Loaded through Vite, as the suites are. */
import { openSourceServer } from "../setup/source-server.mjs";

const server = await openSourceServer();
try {
  const { measureTelemetry } = await server.ssrLoadModule("/tests/bench/telemetry.ts");
  await measureTelemetry();
} finally {
  await server.close();
}
process.exit();
