// What the benchmark compares with: Pyodide as its manual says, in a module worker of the page.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const python = await loadPyodide();
self.onmessage = async ({ data }) => self.postMessage(String(await python.runPythonAsync(data)));
self.postMessage("ready");
