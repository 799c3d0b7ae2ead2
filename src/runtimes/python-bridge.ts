import type { PyodideAPI } from "pyodide";
import type { PyDict } from "pyodide/ffi";
import globals from "./python-globals.py?raw";
import guest from "./python-guest.py?raw";
import platform from "./python-pyodide.py?raw";
import values from "./python-values.py?raw";

/** A function of the prelude. */
interface PythonFunction<Arguments extends unknown[], Result> {
  (...args: Arguments): PromiseLike<Result> | Result;
  callPromising(...args: Arguments): Promise<Result>;
}

/** The prelude's functions that the runtime calls. */
export interface Prelude {
  readonly run: PythonFunction<[source: string, inputs: string, namespaces: string], string>;
  readonly runKeeping: PythonFunction<
    [source: string, inputs: string, namespaces: string, before: unknown, maxBytes: number],
    string
  >;
  readonly kept: () => string | undefined;
  readonly turn: PythonFunction<[], void>;
  readonly deliver: (call: number, answer: string) => void;
}

/** Whether the browser can suspend Python (JSPI). WebKit can't: what waits in synchronous code fails there. */
export const SUSPENDS = "Suspending" in WebAssembly;

/** Calls Python, which can then wait in synchronous code. Where the browser can suspend it, that is a task of its own. */
export async function enter<Arguments extends unknown[], Result>(
  run: PythonFunction<Arguments, Result>,
  ...args: Arguments
): Promise<Result> {
  return SUSPENDS ? run.callPromising(...args) : run(...args);
}

/** Installs the prelude over what it asks of the runtime. */
export function installPrelude(pyodide: PyodideAPI, bridge: object): Prelude {
  const scope = openPrelude(pyodide);
  return {
    run: scope.get("install")(bridge),
    runKeeping: scope.get("run_keeping"),
    kept: scope.get("kept"),
    turn: scope.get("turn"),
    deliver: scope.get("deliver"),
  };
}

/** The prelude's names: as the snapshot holds them (src/build/python-snapshot.ts), or made now. */
function openPrelude(pyodide: PyodideAPI): PyDict {
  const held: PyDict | undefined = pyodide.globals.get("prelude");
  if (held !== undefined) return held;
  const scope: PyDict = pyodide.toPy({});
  for (const source of [values, guest, platform, globals]) pyodide.runPython(source, { globals: scope });
  return scope;
}
