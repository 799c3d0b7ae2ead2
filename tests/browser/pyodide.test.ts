import { pyodide } from "../../src/sandbox/browser/pyodide.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

sandboxSuite("Pyodide in a worker of the isolated frame", {
  createSandbox: pyodide,
  languages: ["python"],
});
