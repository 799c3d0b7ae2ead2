import encodingSha256 from "quickjs-wasi/encoding.so?gzip&sha256";
import engineSha256 from "quickjs-wasi/quickjs.wasm?gzip&sha256";
import imageSha256 from "quickjs-wasi/quickjs.wasm?vm&sha256";
import structuredCloneSha256 from "quickjs-wasi/structured-clone.so?gzip&sha256";
import urlSha256 from "quickjs-wasi/url.so?gzip&sha256";
import workerSha256 from "../../runtimes/quickjs-worker.ts?script&sha256";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import type { RuntimeAssets } from "./frame-control.ts";
import { createFrameSandbox, type FrameSandboxOptions } from "./frame-sandbox.ts";
import { openPacked, openScript, type ShippedAsset } from "./shipped-asset.ts";

/** Options of {@link quickjs}. */
export interface QuickJsOptions extends FrameSandboxOptions {
  /** Programs that run at one time; further ones wait their turn. Default 8. */
  readonly maxWorkers?: number;
}

const TRAITS: SandboxTraits = {
  name: "quickjs",
  languages: ["javascript", "typescript"],
  enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
  freezes: true,
  keepsGlobals: true,
};

/**
 * JavaScript and TypeScript in QuickJS, a fresh WebAssembly instance for each run, in a worker inside
 * the sandbox frame.
 */
export function quickjs(options: QuickJsOptions = {}): Sandbox {
  const parts = [workerSha256, engineSha256, imageSha256, encodingSha256, structuredCloneSha256, urlSha256];
  return createFrameSandbox(
    {
      traits: TRAITS,
      engineBytes: 8 * 1024 * 1024,
      parses: true,
      frozenBy: parts,
      globalsBy: parts,
      // Every run gets an instance of its own; the worker around it stays with its session.
      reuse: "session",
      maxWorkers: 8,
      minSpares: 1,
      maxSpares: 1,
      idleMs: 30_000,
      assets: loadAssets,
    },
    options,
  );
}

const SCRIPT: ShippedAsset = {
  name: "The QuickJS worker",
  load: () => import("../../runtimes/quickjs-worker.ts?script"),
  sha256: workerSha256,
};

const IMAGE: ShippedAsset = {
  name: "The image of QuickJS",
  load: () => import("quickjs-wasi/quickjs.wasm?vm"),
  sha256: imageSha256,
};

const MODULES = {
  quickjs: {
    name: "QuickJS",
    load: () => import("quickjs-wasi/quickjs.wasm?gzip"),
    sha256: engineSha256,
  },
  encoding: {
    name: "QuickJS's encoding extension",
    load: () => import("quickjs-wasi/encoding.so?gzip"),
    sha256: encodingSha256,
  },
  "structured-clone": {
    name: "QuickJS's structuredClone extension",
    load: () => import("quickjs-wasi/structured-clone.so?gzip"),
    sha256: structuredCloneSha256,
  },
  url: {
    name: "QuickJS's URL extension",
    load: () => import("quickjs-wasi/url.so?gzip"),
    sha256: urlSha256,
  },
} as const satisfies Readonly<Record<string, ShippedAsset>>;

async function loadAssets(maxPages: number): Promise<RuntimeAssets> {
  const [source, image, engine, encoding, structuredClone, url] = await Promise.all([
    openScript(SCRIPT),
    openPacked(IMAGE),
    openPacked(MODULES.quickjs),
    openPacked(MODULES.encoding),
    openPacked(MODULES["structured-clone"]),
    openPacked(MODULES.url),
  ]);
  return {
    source,
    modules: { quickjs: { ...engine, maxPages }, encoding, "structured-clone": structuredClone, url },
    files: { image },
  };
}
