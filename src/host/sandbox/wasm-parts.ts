import { gunzipSync } from "node:zlib";
import encodingSha256 from "quickjs-wasi/encoding.so?gzip&sha256";
import engineSha256 from "quickjs-wasi/quickjs.wasm?gzip&sha256";
import imageSha256 from "quickjs-wasi/quickjs.wasm?vm&sha256";
import structuredCloneSha256 from "quickjs-wasi/structured-clone.so?gzip&sha256";
import urlSha256 from "quickjs-wasi/url.so?gzip&sha256";
import type { BootHead } from "../../protocol/deno-boot.ts";
import type { Program } from "../../protocol/guest-protocol.ts";
import scriptSha256 from "../../runtimes/deno-quickjs.ts?script&sha256";
import { capWasmMemory, WASM_PAGE_BYTES } from "../../sandbox/wasm-memory.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";

/** What a Deno process is given: a worker's script, and what that script needs. */
export interface DenoParts {
  readonly script: Uint8Array;
  readonly modules: Readonly<Record<string, Uint8Array>>;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** See {@link BootHead}. */
  readonly warmUp: readonly Program[];
}

/** The engine of each language, whose memory never grows past `memoryBytes`. */
export async function loadParts(runner: RunnerLanguage, memoryBytes: number): Promise<DenoParts> {
  const maxPages = Math.floor(memoryBytes / WASM_PAGE_BYTES);
  return runner === "python" ? loadPyodide(maxPages) : loadQuickJs(maxPages);
}

/** The parts as they stand on standard input. */
export function packParts(
  { script, modules, files, warmUp }: DenoParts,
  { memoryBytes, cpuSeconds }: Pick<PlaceLimits, "memoryBytes" | "cpuSeconds">,
): readonly Uint8Array[] {
  const sizes = (parts: Readonly<Record<string, Uint8Array>>): Record<string, number> =>
    Object.fromEntries(Object.entries(parts).map(([name, { length }]) => [name, length]));
  const head: BootHead = {
    script: script.length,
    modules: sizes(modules),
    files: sizes(files),
    warmUp,
    maxMemoryBytes: memoryBytes,
    maxCpuSeconds: cpuSeconds,
  };
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  return [line, script, ...Object.values(modules), ...Object.values(files)];
}

/** Digests of all that a snapshot of a program in QuickJS depends on. */
export const QUICKJS_DIGESTS: readonly string[] = [
  scriptSha256,
  engineSha256,
  imageSha256,
  encodingSha256,
  structuredCloneSha256,
  urlSha256,
];

async function loadQuickJs(maxPages: number): Promise<DenoParts> {
  const [script, image, quickjs, encoding, structuredClone, url] = await Promise.all([
    text(import("../../runtimes/deno-quickjs.ts?script")),
    gzipped(import("quickjs-wasi/quickjs.wasm?vm")),
    gzipped(import("quickjs-wasi/quickjs.wasm?gzip")),
    gzipped(import("quickjs-wasi/encoding.so?gzip")),
    gzipped(import("quickjs-wasi/structured-clone.so?gzip")),
    gzipped(import("quickjs-wasi/url.so?gzip")),
  ]);
  return {
    script,
    modules: {
      quickjs: capWasmMemory(quickjs, maxPages),
      encoding,
      "structured-clone": structuredClone,
      url,
    },
    files: { image },
    warmUp: [{ language: "typescript", code: "const one: number = inputs.one; one", inputs: '{"one":1}' }],
  };
}

async function loadPyodide(maxPages: number): Promise<DenoParts> {
  const [script, engine, library, memory, lock] = await Promise.all([
    text(import("../../runtimes/pyodide-worker.ts?script")),
    gzipped(import("pyodide/pyodide.asm.wasm?gzip")),
    binary(import("pyodide/python_stdlib.zip?pyc")),
    gzipped(import("pyodide/python_stdlib.zip?snapshot")),
    import("pyodide/pyodide-lock.json"),
  ]);
  // No packages beside the standard library.
  const own = JSON.stringify({ info: lock.default.info, packages: {} });
  return {
    script,
    modules: { engine: capWasmMemory(engine, maxPages) },
    files: { library, memory, lock: new TextEncoder().encode(own) },
    warmUp: [{ language: "python", code: "inputs['one']", inputs: '{"one":1}' }],
  };
}

type Asset = Promise<{ readonly default: string }>;

async function text(asset: Asset): Promise<Uint8Array> {
  return new TextEncoder().encode((await asset).default);
}

async function binary(asset: Asset): Promise<Uint8Array> {
  return Buffer.from((await asset).default, "base64");
}

async function gzipped(asset: Asset): Promise<Uint8Array> {
  return gunzipSync(await binary(asset));
}
