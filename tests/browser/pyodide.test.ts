import { pyodide } from "../../src/sandbox/browser/pyodide.ts";
import { PYTHON, skipAllWhere } from "../suites/differences.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

skipAllWhere(PYTHON);

sandboxSuite("Pyodide in a worker of the isolated frame", {
  createSandbox: pyodide,
  languages: ["python"],
});
