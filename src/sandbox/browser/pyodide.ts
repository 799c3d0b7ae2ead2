import engineSha256 from "pyodide/pyodide.asm.wasm?gzip&sha256";
import librarySha256 from "pyodide/python_stdlib.zip?pyc&sha256";
import snapshotSha256 from "pyodide/python_stdlib.zip?snapshot&sha256";
import workerSha256 from "../../runtimes/pyodide-worker.ts?script&sha256";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import type { RuntimeAssets } from "./frame-control.ts";
import { createFrameSandbox, type FrameSandboxOptions } from "./frame-sandbox.ts";
import { fetchPackages, type PythonPackages } from "./python-packages.ts";
import { openBinary, openScript, type ShippedAsset } from "./shipped-asset.ts";

/** Options of {@link pyodide}. */
export interface PyodideOptions extends FrameSandboxOptions {
  /** Programs that run at one time; further ones wait their turn. Default 4. */
  readonly maxWorkers?: number;
  /** What programs may import beside the standard library. Every interpreter starts with all of it. */
  readonly packages?: PythonPackages;
  /**
   * Starts interpreters from the memory of one that had started, which is faster. All of them then have one
   * hash seed, which is that of the build: `hash("x")` is the same in every run. Default true.
   */
  readonly snapshot?: boolean;
}

const TRAITS: SandboxTraits = {
  name: "pyodide",
  languages: ["python"],
  enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
  freezes: false,
  keepsGlobals: true,
};

/**
 * Python in Pyodide, in a worker inside the sandbox frame. Every run gets an interpreter that nothing ran
 * in, and the interpreter ends with it; the next one starts ahead.
 */
export function pyodide(options: PyodideOptions = {}): Sandbox {
  const { packages, snapshot = true } = options;
  return createFrameSandbox(
    {
      traits: TRAITS,
      // Pickled: what reads it is Python and its library.
      globalsBy: [engineSha256, librarySha256],
      engineBytes: 32 * 1024 * 1024,
      reuse: "never",
      maxWorkers: 4,
      minSpares: 1,
      maxSpares: 3,
      idleMs: 60_000,
      variant: JSON.stringify({ packages, snapshot }),
      assets: (maxPages) => loadAssets(maxPages, packages, snapshot),
    },
    options,
  );
}

const SCRIPT: ShippedAsset = {
  name: "The Python worker",
  load: () => import("../../runtimes/pyodide-worker.ts?script"),
  sha256: workerSha256,
};

const ENGINE: ShippedAsset = {
  name: "Pyodide",
  load: () => import("pyodide/pyodide.asm.wasm?gzip"),
  sha256: engineSha256,
};

const LIBRARY: ShippedAsset = {
  name: "Python's standard library",
  load: () => import("pyodide/python_stdlib.zip?pyc"),
  sha256: librarySha256,
};

const SNAPSHOT: ShippedAsset = {
  name: "The snapshot of Python",
  load: () => import("pyodide/python_stdlib.zip?snapshot"),
  sha256: snapshotSha256,
};

async function loadAssets(
  maxPages: number,
  packages: PythonPackages | undefined,
  snapshot: boolean,
): Promise<RuntimeAssets> {
  const [source, engine, library, memory, packed] = await Promise.all([
    openScript(SCRIPT),
    openBinary(ENGINE),
    openBinary(LIBRARY),
    snapshot ? openBinary(SNAPSHOT) : undefined,
    fetchPackages(packages),
  ]);
  return {
    source,
    modules: { engine: { bytes: engine, gzipped: true, maxPages } },
    files: {
      library: { bytes: library, gzipped: false },
      ...(memory === undefined ? {} : { memory: { bytes: memory, gzipped: true } }),
      ...packed,
    },
  };
}
