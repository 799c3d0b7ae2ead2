import { basic } from "../../src/host/sandbox/basic.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

sandboxSuite("basic()", {
  createSandbox: ({ maxWorkers }) =>
    basic({
      iKnowThatThisIsNoSandbox: true,
      ...(maxWorkers === undefined ? {} : { maxProcesses: maxWorkers }),
    }),
  languages: ["javascript", "typescript", "python"],
  languageCases: EVERY_CASE,
  skips: {
    "has no way out of the sandbox among its globals": "Node's own globals: this is no sandbox, and says so.",
    "keeps nothing of one Python program for the next": "Programs share the machine's files.",
    "lets files and pipes hold no more than its memory": "The machine's disk is not limited.",
  },
});
