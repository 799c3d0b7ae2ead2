import { describe } from "vitest";
import type { SandboxProbe } from "../../src/host/sandbox/host-sandbox.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { DOCKER, type DockerPlace, ONE_OF_EACH } from "./setup/places.ts";

/** One look at the machine is enough for all sandboxes of a suite. */
async function look({ open }: DockerPlace): Promise<SandboxProbe> {
  await using sandbox = open();
  return await sandbox.probe();
}

for (const place of ONE_OF_EACH) {
  const { name, reason, open } = place;
  const probed = reason === "" ? await look(place) : undefined;
  describe.skipIf(reason !== "")(`${name}${reason && ` (${reason})`}`, () => {
    sandboxSuite(name, {
      createSandbox: ({ maxWorkers }) =>
        open({
          ...(probed !== undefined && { probed }),
          ...(maxWorkers !== undefined && { maxProcesses: maxWorkers }),
        }),
      languages: ["javascript", "typescript", "python"],
      languageCases: EVERY_CASE || place === DOCKER,
      skips: {
        "has no way out of the sandbox among its globals":
          "Node's own globals are there; what they lead to is for the kernel to refuse: attacks.test.ts.",
        "lets files and pipes hold no more than its memory":
          "Files have a limit of their own, and a pipe that is full waits: it is Linux's.",
      },
    });
  });
}
