// @ts-check
import { createServer } from "vite";

/**
 * Loads modules of the sources in a program of its own, through Vite, which makes the runners' files of them.
 *
 * @returns {Promise<import("vite").ViteDevServer>} `ssrLoadModule` loads; `close` ends it.
 */
export function openSourceServer() {
  return createServer({
    root: new URL("../..", import.meta.url).pathname,
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
}
