import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Plugin } from "vite";

/** Where the worker stands in the site: beside the page, which is all that it may serve. */
export const WORKER_FILE = "service-worker.js";

/** Python's interpreter and library, and the clients of models: most visitors never load those megabytes. */
const ON_USE = /^assets\/(?:pyodide|python|openai-model|anthropic-model)/;

/**
 * Browsers ask no worker for a sandboxed frame: page-headers.ts lets their own cache keep it. Signing in needs its server
 * anyway, and its address holds a code.
 */
const NEVER: ReadonlySet<string> = new Set([WORKER_FILE, "sandbox.html", "signed-in.html"]);

/**
 * Writes the list of the build's files into the service worker.
 *
 * Workbox would do the same, with Babel, Rollup and some 300 packages behind its build; the worker is shorter than its
 * configuration.
 */
export function precacheList(): Plugin {
  let publicDir = "";
  return {
    name: "mcp-optimizer:precache-list",
    configResolved(config) {
      publicDir = config.publicDir;
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[WORKER_FILE];
        if (worker?.type !== "chunk") throw new Error(`The build has no ${WORKER_FILE}.`);
        const icon = "favicon.svg";
        const sources = new Map<string, string | Uint8Array>([
          [icon, readFileSync(path.join(publicDir, icon))],
        ]);
        for (const [name, part] of Object.entries(bundle)) {
          if (NEVER.has(name)) continue;
          sources.set(name === "index.html" ? "./" : name, part.type === "chunk" ? part.code : part.source);
        }
        const names = [...sources.keys()].sort();
        const digest = createHash("sha256");
        for (const name of names) digest.update(name).update(sources.get(name) ?? "");
        const list = {
          version: digest.digest("hex").slice(0, 16),
          files: names.filter((name) => !ON_USE.test(name)),
          onUse: names.filter((name) => ON_USE.test(name)),
        };
        worker.code = `const PRECACHE = ${JSON.stringify(list)};\n${worker.code}`;
      },
    },
  };
}
