// Starts Pyodide where no request is allowed: everything it would fetch has been handed in. Afterwards nothing of the worker's scope is left that a program could use.

import { loadPyodide, type PyodideAPI } from "pyodide";
import createPyodideModule from "pyodide/pyodide.asm.mjs";
import { isJsonObject } from "../base/json.ts";
import { openSnapshot } from "../base/wasm-snapshot.ts";
import { emptyScope } from "./empty-scope.ts";
import type { BootMessage } from "./serve.ts";

/** What Pyodide and our runtime use while programs run, beside the language itself. */
const KEPT = new Set([
  "clearTimeout",
  "console",
  "crypto",
  "DOMException",
  "MessageChannel",
  "performance",
  "queueMicrotask",
  "setTimeout",
  "TextDecoder",
  "TextEncoder",
  "WebAssembly",
]);

/** Where Pyodide's files would be if they were fetched. */
const NOWHERE = "https://pyodide.invalid/";

/** Resolves with an interpreter that has run nothing. Rejects when a part is missing. */
export async function bootPyodide({ place, modules, files }: BootMessage): Promise<PyodideAPI> {
  const { engine } = modules;
  const { library, lock, memory } = files;
  if (engine === undefined || library === undefined || lock === undefined) {
    throw new Error("Not all of Pyodide was handed in.");
  }
  const lockFileContents = new TextDecoder().decode(lock);
  replaceFetching(engine, (name) => (name === "python_stdlib.zip" ? library : files[`package/${name}`]));
  const config = {
    indexURL: NOWHERE,
    packageBaseUrl: NOWHERE,
    lockFileContents,
    packages: packageNames(lockFileContents),
    // What Python finds under `import js`: nothing.
    jsglobals: {},
  };
  const python = await (memory === undefined ? start(config) : startFromSnapshot(config, memory));
  // Pyodide has copies. Given back now, and not when the browser looks for garbage.
  for (const file of Object.values(files)) file.transfer(0);
  const stayed = emptyScope(KEPT, place === "process");
  if (stayed.length > 0) throw new Error(`The worker's scope still holds ${stayed.join(", ")}.`);
  return python;
}

type Config = NonNullable<Parameters<typeof loadPyodide>[0]>;

function start(config: Config): Promise<PyodideAPI> {
  return loadPyodide({ ...config, createPyodideModule });
}

/** Starts from the memory of an interpreter that had started, and had run our prelude. */
async function startFromSnapshot(config: Config, file: ArrayBuffer): Promise<PyodideAPI> {
  const { functions, head, writeTo } = openSnapshot(file);
  let fits = true;
  try {
    return await loadPyodide({
      ...config,
      // Pyodide would want one copy of all the memory more: given the head alone, it adds nothing.
      _loadSnapshot: head,
      createPyodideModule: async (settings) => {
        const module = await createPyodideModule(settings);
        fits = module.wasmTable.length === functions;
        if (!fits) throw new Error("The snapshot was made among other functions.");
        writeTo(module.HEAPU8);
        return module;
      },
    });
  } catch (error) {
    // Pyodide uses one function less in browsers without garbage-collected WebAssembly, and on iOS.
    if (fits) throw error;
    return start(config);
  }
}

/** Has Pyodide find its files among those that were handed in. */
function replaceFetching(
  engine: WebAssembly.Module,
  deliver: (name: string) => ArrayBuffer | undefined,
): void {
  self.fetch = async (input) => {
    const { url } = new Request(input);
    // The module is compiled already: its bytes are not asked for.
    if (url.endsWith(".wasm")) return new Response(null, { headers: { "content-type": "application/wasm" } });
    const bytes = deliver(decodeURIComponent(url.slice(NOWHERE.length)));
    if (bytes === undefined) throw new Error(`${url} was not handed in`);
    // A body would be copied, piece by piece.
    return Object.assign(new Response(), { arrayBuffer: async () => bytes });
  };
  WebAssembly.instantiateStreaming = async (response, imports) => {
    await response;
    return { module: engine, instance: await WebAssembly.instantiate(engine, imports) };
  };
  // It tells of every package that it loads, and of its death, which is told in another way.
  for (const name of ["debug", "log", "info", "warn", "error"] as const) console[name] = () => {};
}

function packageNames(lock: string): string[] {
  const value: unknown = JSON.parse(lock);
  return isJsonObject(value) && isJsonObject(value.packages) ? Object.keys(value.packages) : [];
}
