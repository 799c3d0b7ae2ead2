import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build, defineConfig, type Plugin } from "vite";

const root = import.meta.dirname;
const require = createRequire(import.meta.url);

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
  return chunk.code;
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

/**
 * Turns what runs inside the sandbox into modules of text, so that any bundler can ship it and the
 * page needs no fetch, no extra URL and no plugin to hand it over.
 *
 * - `x.ts?script`: the entry and all its imports as one classic script, as a string
 * - `x.ts?node`: the same as one CommonJS module that runs in Node
 * - `x.ts?frame`: the script as the inline script of the frame's document
 * - `x.wasm?gzip`: a file, gzipped, as base64
 */
function sandboxAssets(): Plugin {
  const asset = /^(.*)\?(script|node|frame|gzip)$/;
  return {
    name: "mcp-optimizer:sandbox-assets",
    enforce: "pre",
    async resolveId(source, importer) {
      const [, file, kind] = asset.exec(source) ?? [];
      if (file === undefined) return undefined;
      const base = importer === undefined ? root : path.dirname(importer.replace(/\?.*$/, ""));
      const absolute = file.startsWith(".")
        ? path.resolve(base, file)
        : path.isAbsolute(file)
          ? file
          : require.resolve(file);
      return `${absolute}?${kind}`;
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
    async load(id) {
      const [, file, kind] = asset.exec(id) ?? [];
      if (file === undefined) return undefined;
      if (kind === "gzip") {
        return `export default ${JSON.stringify(gzipSync(await readFile(file), { level: 9 }).toString("base64"))};`;
      }
      const script = await bundleScript(file, kind === "node" ? "cjs" : "iife");
      const text = kind === "frame" ? frameDocument(script) : script;
      if (kind === "frame" && this.environment.mode === "build") {
        this.emitFile({ type: "asset", fileName: "sandbox.html", source: text });
      }
      return `export default ${JSON.stringify(text)};`;
    },
  };
}

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [sandboxAssets()],
  build:
    mode === "lib"
      ? {
          outDir: "dist",
          emptyOutDir: true,
          copyPublicDir: false,
          target: "es2022",
          lib: { entry: { index: "src/index.ts", webcontainer: "src/webcontainer.ts" }, formats: ["es"] },
          rolldownOptions: {
            external: [/^@modelcontextprotocol\//, "comlink", "@cfworker/json-schema", "@webcontainer/api"],
            output: { chunkFileNames: "chunks/[name]-[hash].js" },
          },
        }
      : // The tokenizer's vocabulary is one chunk, loaded when it is needed.
        { outDir: "dist-demo", target: "es2022", chunkSizeWarningLimit: 3_000 },
}));
