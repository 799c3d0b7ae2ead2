import { expect, test } from "vitest";
import { pyodide } from "../../src/sandbox/browser/pyodide.ts";
import { SYNCHRONOUS_PYTHON } from "../suites/differences.ts";
import { createPlace } from "../suites/sandbox-case.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { reasonHere, reasonsHere } from "../suites/skips.ts";

sandboxSuite("Pyodide in a worker of the isolated frame", {
  createSandbox: pyodide,
  languages: ["python"],
  keepsGlobals: true,
  skips: reasonsHere({
    "runs an event loop of the program's own": SYNCHRONOUS_PYTHON,
    "gives the value itself in synchronous code": SYNCHRONOUS_PYTHON,
    "opens a handle in synchronous code": SYNCHRONOUS_PYTHON,
    "raises a failed call as a ToolError that can be caught": SYNCHRONOUS_PYTHON,
    "revives bytes of an answer as bytes": SYNCHRONOUS_PYTHON,
    "does not count the time that Python waits for tools": SYNCHRONOUS_PYTHON,
    "stops Python that waits for tools past its patience": SYNCHRONOUS_PYTHON,
  }),
});

test.runIf(reasonHere(SYNCHRONOUS_PYTHON))("a synchronous call says to write `await`", async () => {
  await using sandbox = pyodide();
  const { error, value } = createPlace(sandbox, "python", pyodide);
  expect(await error("tools.srv.read(n=1)")).toMatchObject({
    name: "RuntimeError",
    message: expect.stringContaining("write `await` before the call"),
  });
  expect(await value("await tools.srv.read(n=1)")).toEqual({ n: 1 });
});
