/** Pyodide's engine, apart from its loader. */
declare module "pyodide/pyodide.asm.mjs" {
  import type { PyodideConfig } from "pyodide";

  const createPyodideModule: NonNullable<NonNullable<PyodideConfig>["createPyodideModule"]>;
  export default createPyodideModule;
}
