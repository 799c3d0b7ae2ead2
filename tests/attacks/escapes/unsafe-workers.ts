// The workers of the unsafe baseline: code from text in a worker of the page's own origin, which stays
// warm between programs, with the credential beside it and a bridge of plain messages.

const BRIDGE = `
const waiting = new Map();
let last = 0;
const request = (tool, args) => new Promise((resolve, reject) => {
  last += 1;
  waiting.set(last, { resolve, reject });
  postMessage({ type: "call", id: last, tool, args });
});
const log = (text) => postMessage({ type: "log", text });
const answer = ({ id, value, error }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(value);
  else reject(error);
};`;

/** JavaScript by a constructor of functions. */
export function unsafeJavaScript(secret: string): string {
  return `${BRIDGE}
self.credentials = { token: ${JSON.stringify(secret)} };
const names = (path) => new Proxy({}, {
  get: (own, name) => own[name] ?? (path === "" ? names(String(name)) : (args) => request(path + "." + String(name), args)),
});
self.tools = names("");
self.context = {};
console.log = (...parts) => log(parts.join(" "));
const AsyncFunction = (async () => {}).constructor;
self.onmessage = async ({ data }) => {
  if (data.type === "reply") return answer(data);
  let ended;
  try {
    ended = { type: "done", value: await new AsyncFunction(data.code)() };
  } catch (error) {
    ended = { type: "failed", error };
  }
  postMessage(ended);
};
postMessage({ type: "ready" });`;
}

const PYTHON_NAMES = `
import bridge, js
from pyodide.ffi import to_js
class Tool:
    def __init__(self, path): self.path = path
    def __getattr__(self, name): return Tool(self.path + "." + name if self.path else name)
    __getitem__ = __getattr__
    async def __call__(self, **args):
        value = await bridge.request(self.path, to_js(args, dict_converter=js.Object.fromEntries))
        return value.to_py() if hasattr(value, "to_py") else value
tools = Tool("")
`;

/** Python as Pyodide's manual says. A module: Pyodide does not start in another kind of worker. */
export function unsafePython(pyodideUrl: string): string {
  return `import { loadPyodide } from ${JSON.stringify(`${pyodideUrl}pyodide.mjs`)};
${BRIDGE}
const plain = (value) => (typeof value?.toJs === "function" ? value.toJs({ dict_converter: Object.fromEntries }) : value);
// Vitest serves Pyodide's modules with its own way to import, which its pages have and workers have not.
self.__vitest_browser_runner__ = { wrapDynamicImport: (load) => load() };
const python = await loadPyodide({ indexURL: ${JSON.stringify(pyodideUrl)} });
python.registerJsModule("bridge", { request });
python.setStdout({ batched: log });
await python.runPythonAsync(${JSON.stringify(PYTHON_NAMES)});
self.onmessage = async ({ data }) => {
  if (data.type === "reply") return answer(data);
  let ended;
  try {
    ended = { type: "done", value: plain(await python.runPythonAsync(data.code)) };
  } catch (error) {
    ended = { type: "failed", error };
  }
  postMessage(ended);
};
postMessage({ type: "ready" });`;
}
