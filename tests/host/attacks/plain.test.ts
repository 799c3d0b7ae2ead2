// The control: what is tried in sandboxes sets the detectors off in a plain process of the host, or says why not.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostSandbox } from "../../../src/host/sandbox/host-sandbox.ts";
import { createProcessSandbox } from "../../../src/host/sandbox/process-sandbox.ts";
import { type RunnerFolder, writeRunners } from "../../../src/host/sandbox/runners.ts";
import { startChild } from "../../../src/host/sandbox/sandbox-process.ts";
import { HOST_CASES } from "./host-suite.ts";
import { type HostTarget, openHostTarget } from "./host-target.ts";
import { canBeWatched, tryHostAttack } from "./host-trial.ts";

const reason =
  process.platform !== "linux" || !canBeWatched || process.getuid?.() !== 0 ? " (for root on Linux)" : "";

describe.skipIf(reason !== "")(`control: a plain process holds nothing${reason}`, () => {
  let target: HostTarget;
  let sandbox: HostSandbox;
  let runners: RunnerFolder;
  beforeAll(async () => {
    target = await openHostTarget();
    runners = await writeRunners();
    sandbox = plain(runners);
    await sandbox.prepare();
  });
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
    await runners[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  });

  for (const one of HOST_CASES) {
    test(one.id, async (context) => {
      const { trips } = one;
      if (typeof trips === "string") return context.skip(trips);
      const { end, found, output } = await tryHostAttack(sandbox, one, target);
      await context.annotate(`${end} ${output.slice(0, 500)}`);
      expect(Object.keys(found)).toEqual(expect.arrayContaining([...trips]));
    });
  }
});

/** Plain processes of root, whose mounts and name of the machine are their own: what succeeds stays with them. */
function plain(runners: RunnerFolder): HostSandbox {
  return createProcessSandbox({
    name: "plain",
    strength: "none",
    runners: ["javascript", "python"],
    enforces: { time: "hard", memory: "none", network: "none", storage: "none" },
    start: async (runner) => {
      const command = runner === "python" ? ["python3", "-I", "-S", "-B"] : [process.execPath];
      const apart = ["--mount", "--uts", "--propagation", "private"];
      return startChild("unshare", [...apart, ...command, runners.file(runner)], {
        env: { PATH: "/usr/bin:/bin" },
      });
    },
    probe: async () => ({ usable: true, strength: "none", walls: [] }),
  });
}

test("every case has a name of its own", () => {
  expect(new Set(HOST_CASES.map(({ id }) => id)).size).toBe(HOST_CASES.length);
});
