import { beforeEach, inject } from "vitest";
import { bubblewrap } from "../../src/host/sandbox/bubblewrap.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

const missing = inject("noBubblewrap");
beforeEach((context) => {
  if (missing !== "") context.skip(missing);
});

// One look at the machine is enough for all sandboxes of the suite.
const first = bubblewrap();
const probed = missing === "" ? await first.probe() : undefined;
await first[Symbol.asyncDispose]();

sandboxSuite("bubblewrap()", {
  createSandbox: ({ maxWorkers }) =>
    bubblewrap({
      ...(probed === undefined ? {} : { probed }),
      ...(maxWorkers === undefined ? {} : { maxProcesses: maxWorkers }),
    }),
  languages: ["javascript", "typescript", "python"],
  skips: {
    "has no way out of the sandbox among its globals":
      "Node's own globals are there; what they lead to is for the kernel to refuse: tests/host/attacks.",
    "lets files and pipes hold no more than its memory":
      "Files have a limit of their own, and a pipe that is full waits: it is Linux's.",
  },
});
