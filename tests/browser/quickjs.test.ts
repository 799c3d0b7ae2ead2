import { quickjs } from "../../src/sandbox/browser/quickjs.ts";
import { RECURSION } from "../suites/differences.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { reasonsHere } from "../suites/skips.ts";

sandboxSuite("QuickJS in a worker of the isolated frame", {
  createSandbox: quickjs,
  languages: ["javascript", "typescript"],
  freezes: true,
  keepsGlobals: true,
  skips: reasonsHere({ "ends recursion as an error of the program": RECURSION }),
});
