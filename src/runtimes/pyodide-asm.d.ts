/** Pyodide's engine, apart from its loader. */
declare module "pyodide/pyodide.asm.mjs" {
  import type { PyodideConfig } from "pyodide";

  type Create = NonNullable<NonNullable<PyodideConfig>["createPyodideModule"]>;
  /** Emscripten's module, as far as our snapshot reads it. */
  type Module = Awaited<ReturnType<Create>> & { readonly wasmTable: { readonly length: number } };

  export default function createPyodideModule(...args: Parameters<Create>): Promise<Module>;
}
