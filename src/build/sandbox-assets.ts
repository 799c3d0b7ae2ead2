import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";
import { prepareLoader } from "./pyodide-loader.ts";
import { compilePythonLibrary } from "./python-library.ts";
import { makePythonSnapshot } from "./python-snapshot.ts";
import { makeVmImage } from "./vm-image.ts";

const root = path.resolve(import.meta.dirname, "../..");
const require = createRequire(import.meta.url);

/**
 * Turns what runs inside the sandbox into modules of text, so that any bundler can ship it and the
 * page needs no fetch, no extra URL and no plugin to hand it over.
 *
 * - `x.ts?script`: the entry and all its imports as one classic script, as a string
 * - `x.ts?node`: the same as one CommonJS module that runs in Node
 * - `x.ts?frame`: the script as the inline script of the frame's document
 * - `x.wasm?gzip`: a file, gzipped, as base64
 * - `x.zip?pyc`: Pyodide's standard library, compiled, as base64
 * - `x.zip?snapshot`: the memory of an interpreter that has started over that library, gzipped, as base64
 * - `x.wasm?vm`: the memory of a QuickJS that has run the guest's prelude, gzipped, as base64
 * - `x.js?ranks`: a tokenizer's vocabulary, each token at its rank, as JSON, gzipped, as base64
 * - any of them with `&sha256`: the digest of that text, or of the bytes behind base64, hexadecimal
 */
export function sandboxAssets(): Plugin {
  const asset = /^(.*)\?(script|node|frame|gzip|pyc|snapshot|vm|ranks)(&sha256)?$/;
  const made = new Map<string, Promise<string | Buffer>>();
  const make = (file: string, kind: string): Promise<string | Buffer> => {
    const key = `${file}?${kind}`;
    const making = made.get(key) ?? makeAsset(file, kind);
    made.set(key, making);
    return making;
  };
  return {
    name: "mcp-optimizer:sandbox-assets",
    enforce: "pre",
    async resolveId(source, importer) {
      const [, file, kind, sha256 = ""] = asset.exec(source) ?? [];
      if (file === undefined) return undefined;
      const base = importer === undefined ? root : path.dirname(importer.replace(/\?.*$/, ""));
      const absolute = file.startsWith(".")
        ? path.resolve(base, file)
        : path.isAbsolute(file)
          ? inRoot(file)
          : require.resolve(file);
      return `${absolute}?${kind}${sha256}`;
    },
    configureServer(server) {
      // A build puts the file beside the page; the development server makes it when it is asked for.
      server.middlewares.use("/sandbox.html", (_request, response, next) => {
        server.ssrLoadModule("/src/sandbox/browser/frame-document.ts?frame").then(({ default: html }) => {
          response.setHeader("content-type", "text/html; charset=utf-8");
          response.end(html);
        }, next);
      });
    },
    // What was made of the sources is made anew when one of them changes.
    watchChange: () => made.clear(),
    transform(code, id) {
      return prepareLoader(code, id);
    },
    async load(id) {
      const [, file, kind, sha256] = asset.exec(id) ?? [];
      if (file === undefined || kind === undefined) return undefined;
      const content = await make(file, kind);
      if (sha256 !== undefined) {
        return `export default ${JSON.stringify(createHash("sha256").update(content).digest("hex"))};`;
      }
      if (kind === "frame" && this.environment.mode === "build") {
        this.emitFile({ type: "asset", fileName: "sandbox.html", source: content });
      }
      const text = typeof content === "string" ? content : content.toString("base64");
      return `export default ${JSON.stringify(text)};`;
    },
  };
}

/** The development server names files by their place below the root. */
function inRoot(file: string): string {
  return existsSync(file) ? file : path.join(root, file);
}

async function makeAsset(file: string, kind: string): Promise<string | Buffer> {
  switch (kind) {
    case "gzip":
      return gzipSync(await readFile(file), { level: 9 });
    case "pyc":
      return readFile(await compilePythonLibrary(file));
    case "snapshot":
      return readFile(await makePythonSnapshot(file));
    case "vm":
      return makeVmImage(file);
    case "ranks":
      return gzipSync(JSON.stringify(require(file).default), { level: 9 });
    case "frame":
      return frameDocument(await bundleScript(file, "iife"));
    default:
      return bundleScript(file, kind === "node" ? "cjs" : "iife");
  }
}

/** Bundles one entry, with everything it imports, to one classic script, or to one CommonJS module for Node. */
async function bundleScript(entry: string, format: "iife" | "cjs"): Promise<string> {
  const output = await build({
    configFile: false,
    root,
    logLevel: "error",
    plugins: [sandboxAssets()],
    build: {
      write: false,
      minify: true,
      target: "es2022",
      lib: { entry, formats: [format], name: "runtime", fileName: "runtime" },
      rolldownOptions: { external: format === "cjs" ? /^node:/ : [], output: { codeSplitting: false } },
    },
  });
  const chunks = (Array.isArray(output) ? output : [output]).flatMap((result) =>
    "output" in result ? result.output : [],
  );
  const chunk = chunks.find((part) => part.type === "chunk" && part.isEntry);
  if (chunk?.type !== "chunk") throw new Error(`No script came out of ${entry}`);
  return toAscii(chunk.code);
}

/** One letter past Latin-1 would make every worker hold all of its script in 16 bits a letter. */
function toAscii(script: string): string {
  return script.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * The document of the sandbox frame: one inline script, allowed by its hash. No network, no
 * string-to-code; workers only from blobs that the page hands in.
 */
function frameDocument(script: string): string {
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}' 'wasm-unsafe-eval'`,
    "worker-src blob:",
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><title>MCP Optimizer sandbox</title><script>${script}</script>`;
}
