import path from "node:path";
import { build } from "vite";
import { startPageServer } from "./page-server.ts";
import { startErrorsServer } from "./servers/errors-server.ts";
import { startEverythingServer } from "./servers/everything-server.ts";
import { requireFreePort } from "./servers/loopback.ts";

const root = path.resolve(import.meta.dirname, "..");

/** What runs, in the order of its start: a default port and the variable that changes it. */
const PARTS = {
  page: { name: "The demo page", variable: "PORT", port: 4170 },
  errors: { name: "The errors server", variable: "ERRORS_PORT", port: 4171 },
  everything: { name: "The everything server", variable: "EVERYTHING_PORT", port: 4172 },
} as const;

type Part = keyof typeof PARTS;

const stopped = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopped.abort());
// The parent closed the channel, or is gone.
process.on("disconnect", () => stopped.abort());

try {
  await serve(stopped.signal);
} catch (error) {
  console.error(`[start] FAILED: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
if (process.connected) process.disconnect();

/** Builds and serves until the signal. */
async function serve(signal: AbortSignal): Promise<void> {
  const ports = { page: portOf("page"), errors: portOf("errors"), everything: portOf("everything") };
  // Before the build, so that a taken port is said at once.
  for (const part of ["page", "errors", "everything"] as const) {
    await naming(part, () => requireFreePort(PARTS[part].name, ports[part]));
  }
  if (signal.aborted) return;

  console.log("[start] building the demo page");
  await build({ root, mode: "demo", logLevel: "warn" });
  if (signal.aborted) return;

  await using running = new AsyncDisposableStack();
  const errors = await naming("errors", () => startErrorsServer({ port: ports.errors, host: "127.0.0.1" }));
  running.defer(() => errors.close());
  console.log(`[start] MCP server "errors":     ${errors.url}`);
  const everything = await naming("everything", () => startEverythingServer({ port: ports.everything }));
  running.defer(() => everything.close());
  console.log(`[start] MCP server "everything": ${everything.url}`);
  const page = await naming("page", () =>
    startPageServer({
      folder: path.join(root, "dist-demo"),
      port: ports.page,
      servers: { errors: errors.url, everything: everything.url },
    }),
  );
  running.defer(() => page.close());
  console.log(`\n  MCP Optimizer demo: ${page.url}\n\n[start] press Ctrl-C to stop`);

  await untilAborted(signal);
  console.log("[start] stopping");
}

function portOf(part: Part): number {
  const { variable, port } = PARTS[part];
  const text = process.env[variable];
  if (text === undefined || text === "") return port;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new Error(
    `${variable} is "${text}", which is no port. Use a number from 0 (any free port) to 65535.`,
  );
}

/** Adds to the failure of a taken port which variable chooses another. */
async function naming<T>(part: Part, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!/already in use/.test(reason)) throw error;
    const { variable, port } = PARTS[part];
    throw new Error(`${reason} Another port: ${variable}=${port + 100} npm start`, { cause: error });
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
