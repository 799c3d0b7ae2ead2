// Our engines, put together here, so that a part of them may be another one.

import engine from "pyodide/pyodide.asm.wasm?gzip";
import library from "pyodide/python_stdlib.zip?pyc";
import encoding from "quickjs-wasi/encoding.so?gzip";
import quickjsEngine from "quickjs-wasi/quickjs.wasm?gzip";
import image from "quickjs-wasi/quickjs.wasm?vm";
import structuredClone from "quickjs-wasi/structured-clone.so?gzip";
import url from "quickjs-wasi/url.so?gzip";
import { decodeBase64 } from "../../../src/base/base64.ts";
import nativeScript from "../../../src/runtimes/native-worker.ts?script";
import pythonScript from "../../../src/runtimes/pyodide-worker.ts?script";
import quickjsScript from "../../../src/runtimes/quickjs-worker.ts?script";
import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import type { RuntimeAssets } from "../../../src/sandbox/browser/frame-control.ts";
import { createFrameSandbox, type FrameRuntime } from "../../../src/sandbox/browser/frame-sandbox.ts";
import { fetchPackages } from "../../../src/sandbox/browser/python-packages.ts";
import { openOn } from "../setup/engines.ts";
import { endOf, type Target } from "../setup/target.ts";
import { wordsOf } from "./control-suite.ts";

export const SCRIPTS = { quickjs: quickjsScript, native: nativeScript, python: pythonScript } as const;

export type EngineKind = keyof typeof SCRIPTS;

/** Room beside the program's own memory, as ours have it. */
const ENGINE_MIB: Readonly<Record<EngineKind, number>> = { quickjs: 8, native: 272, python: 32 };

export interface Parts {
  /** The worker's script. Default: ours. */
  readonly source?: string;
  /** Whether its WebAssembly memory has the cap of the run. Default: it has. */
  readonly isCapped?: boolean;
  /** Whether the page ends it when it tells of more memory than the run has. Default: it does. */
  readonly isWeighed?: boolean;
  /** Default: ours. */
  readonly reuse?: FrameRuntime["reuse"];
  /** Default: one like ours. It is closed with the engine. */
  readonly frame?: SandboxFrame;
}

/** Opens an optimizer whose programs run in this engine. */
export function openRuntime(kind: EngineKind, parts: Parts = {}): Promise<Target> {
  const { source = SCRIPTS[kind], isCapped = true, isWeighed = true, frame = new SandboxFrame() } = parts;
  const { reuse = kind === "python" ? "never" : "session" } = parts;
  const assets = async (maxPages: number): Promise<RuntimeAssets> => ({
    source,
    ...(await binariesOf(kind, isCapped ? maxPages : undefined)),
  });
  return openAssets(kind, frame, reuse, assets, isWeighed ? ENGINE_MIB[kind] : 2_000);
}

/** The same with all of a worker's assets. */
export async function openAssets(
  kind: EngineKind,
  frame: SandboxFrame,
  reuse: FrameRuntime["reuse"],
  assets: FrameRuntime["assets"],
  engineMebibytes: number = ENGINE_MIB[kind],
): Promise<Target> {
  const sandbox = createFrameSandbox(
    {
      traits: {
        name: `built-${kind}`,
        languages: [kind === "python" ? "python" : "javascript"],
        enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
        freezes: false,
        keepsGlobals: false,
      },
      engineBytes: engineMebibytes * 1024 * 1024,
      parses: kind === "quickjs",
      reuse,
      maxWorkers: 1,
      minSpares: 0,
      maxSpares: 0,
      idleMs: 60_000,
      assets,
    },
    { frame },
  );
  return openOn(frame, sandbox);
}

async function binariesOf(
  kind: EngineKind,
  maxPages: number | undefined,
): Promise<Omit<RuntimeAssets, "source">> {
  const gzipped = (base64: string) => ({ bytes: decodeBase64(base64), gzipped: true });
  const cap = maxPages === undefined ? {} : { maxPages };
  switch (kind) {
    case "native":
      return { modules: {}, files: {} };
    case "quickjs":
      return {
        modules: {
          quickjs: { ...gzipped(quickjsEngine), ...cap },
          encoding: gzipped(encoding),
          "structured-clone": gzipped(structuredClone),
          url: gzipped(url),
        },
        files: { image: gzipped(image) },
      };
    case "python":
      return {
        modules: { engine: { ...gzipped(engine), ...cap } },
        files: { library: { bytes: decodeBase64(library), gzipped: false }, ...(await fetchPackages()) },
      };
    default:
      return kind satisfies never;
  }
}

/** What a run of 64 MiB is ended by, when it takes more. */
const REFUSED = /^(?:stopped\/memory 429|threw 500 (?:OSError|MemoryError))$/;

/** Runs a program that gives how many MiB it took. `undefined` when they were refused. */
export async function takes(
  target: Target,
  language: "javascript" | "python",
  code: string,
): Promise<string | undefined> {
  const limits = { memoryBytes: 64 * 1024 * 1024, timeoutMs: 60_000 };
  const result = await target.optimizer.run({ language, code }, { limits });
  if (result.status === "returned") return `${wordsOf(result.value)} MiB of 64`;
  const end = result.status === "threw" ? `${endOf(result)} ${result.error.name}` : endOf(result);
  if (!REFUSED.test(end)) throw new Error(`${end} ${JSON.stringify(result)}`);
  return undefined;
}
