// A runtime says that there was no room for its instance. It may lie: it may have begun long before.

import { expect, test } from "vitest";
import type { GuestPort } from "../../src/protocol/guest-protocol.ts";
import { NO_INSTANCE } from "../../src/protocol/guest-protocol.ts";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { createFrameSandbox } from "../../src/sandbox/browser/frame-sandbox.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { hostileSource } from "./setup/hostile-worker.ts";

const NO_ROOM = `say({ type: "done", run, logs: [], peakMemoryBytes: 0,
  outcome: { status: "stopped", reason: "crashed", message: "${NO_INSTANCE}: no memory" } });`;

/** How a run ends in workers that do this, and what they asked for. */
async function endOf(onRun: string) {
  await using frame = new SandboxFrame();
  let workers = 0;
  const sandbox = createFrameSandbox(
    {
      traits: {
        name: "no-room",
        languages: ["javascript"],
        enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
        freezes: false,
        keepsGlobals: false,
      },
      engineBytes: 8 * 1024 * 1024,
      reuse: "session",
      maxWorkers: 1,
      minSpares: 0,
      maxSpares: 0,
      idleMs: 60_000,
      assets: async () => ({ source: hostileSource(onRun), modules: {}, files: {} }),
    },
    { frame },
  );
  const calls: string[] = [];
  const port: GuestPort = {
    namespaces: [],
    log: () => {},
    notice: ({ type }) => {
      if (type === "preparing") workers += 1;
    },
    call: async ({ target }) => {
      calls.push(target);
      return { ok: true, json: "1" };
    },
  };
  await using place = sandbox.open("s", resolveLimits());
  const program = { language: "javascript", code: "1", inputs: "{}" } as const;
  const outcome = await place.run(program, port, new AbortController().signal);
  await sandbox[Symbol.asyncDispose]();
  return { outcome, calls, workers };
}

const CRASHED = { status: "stopped", reason: "crashed", message: `${NO_INSTANCE}: no memory` };

test("wants its calls made again: a run that did something is not tried once more", async () => {
  const { outcome, calls } = await endOf(
    `turn({ calls: [call(1, "bank.transfer")] }); await next(1); ${NO_ROOM}`,
  );
  expect(outcome).toMatchObject(CRASHED);
  expect(calls).toEqual(["bank.transfer"]);
});

test("never finds room: the run ends after a few workers", async () => {
  const { outcome, calls, workers } = await endOf(NO_ROOM);
  expect(outcome).toMatchObject(CRASHED);
  expect(calls).toEqual([]);
  // Each worker tells of its steps.
  expect(workers).toBeGreaterThan(4);
});
