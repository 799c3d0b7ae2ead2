import { inProcessQuickJs } from "../suites/in-process-quickjs.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

sandboxSuite("QuickJS on the test's own thread", {
  createSandbox: inProcessQuickJs,
  languages: ["javascript", "typescript"],
  freezes: true,
  keepsGlobals: true,
  skips: {
    "cancels a loop": "the loop holds the thread that would cancel it",
  },
});
