import { native } from "../../src/sandbox/browser/native.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

sandboxSuite("the browser's own engine in a worker of the isolated frame", {
  createSandbox: native,
  languages: ["javascript", "typescript"],
  skips: {
    "stops a program at its memory, and runs the next one":
      "The heap of the browser's engine has no cap that a page can set; only buffers are counted. Traits say best_effort.",
  },
});
