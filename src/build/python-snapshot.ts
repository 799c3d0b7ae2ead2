import { readFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { packSnapshot } from "../base/wasm-snapshot.ts";
import { makeOnce } from "./build-cache.ts";
import { compilePythonLibrary } from "./python-library.ts";

/**
 * The memory of an interpreter that has started, over our library, and has run our prelude. Resolves with
 * the path of a file that a worker unpacks instead of doing all that again.
 */
export async function makePythonSnapshot(archive: string): Promise<string> {
  const library = await compilePythonLibrary(archive);
  const read = (names: readonly string[]): Promise<string[]> =>
    Promise.all(names.map((name) => readFile(path.resolve(import.meta.dirname, name), "utf8")));
  const names = ["python-values.py", "python-guest.py", "python-pyodide.py", "python-globals.py"];
  const sources = await read(names.map((name) => `../runtimes/${name}`));
  const makers = await read(["python-snapshot.ts", "../base/wasm-snapshot.ts"]);
  return makeOnce("python-memory.gz", [library, ...sources, ...makers], async () => {
    const snapshot = await takeSnapshot(library, sources);
    // The number of bytes before the memory stands second.
    const [, start = 0] = new Uint32Array(snapshot.buffer, 0, 2);
    const { functions, before } = await instanceBefore(library, snapshot);
    const memory = snapshot.subarray(start);
    if (memory.length !== before.length) {
      throw new Error(`The snapshot of Python has outgrown the ${before.length} bytes that it starts with.`);
    }
    // A page of zeros counts where something else would stand.
    const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
    const file = packSnapshot(
      { functions, head: snapshot.subarray(0, start) },
      memory,
      (from, to) => !isZero(memory.subarray(from, to)) || !isZero(before.subarray(from, to)),
    );
    return gzipSync(file, { level: 9 });
  });
}

/** Pyodide's own snapshot: a head, then all of the memory. Nothing of JavaScript may be held by Python yet. */
async function takeSnapshot(library: string, sources: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { loadPyodide } = await import("pyodide");
  const python = await loadPyodide({ stdLibURL: library, jsglobals: {}, _makeSnapshot: true });
  const scope = python.toPy({});
  for (const source of sources) python.runPython(source, { globals: scope });
  python.globals.set("prelude", scope);
  return new Uint8Array(python.makeMemorySnapshot());
}

/** An instance at the moment when a snapshot is written into its memory. */
async function instanceBefore(
  library: string,
  snapshot: Uint8Array,
): Promise<{ readonly functions: number; readonly before: Uint8Array }> {
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all([
    import("pyodide"),
    import("pyodide/pyodide.asm.mjs"),
  ]);
  const taken = Promise.withResolvers<{ functions: number; before: Uint8Array }>();
  await loadPyodide({
    stdLibURL: library,
    jsglobals: {},
    _loadSnapshot: snapshot,
    createPyodideModule: async (settings) => {
      const module = await createPyodideModule(settings);
      taken.resolve({ functions: module.wasmTable.length, before: module.HEAPU8.slice() });
      return module;
    },
  });
  return taken.promise;
}
