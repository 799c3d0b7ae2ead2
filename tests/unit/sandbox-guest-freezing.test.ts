import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FrozenRun } from "../../src/protocol/frozen-run.ts";
import { HELD, type RuntimeMessage } from "../../src/protocol/guest-protocol.ts";
import type { Freezer } from "../../src/sandbox/freezer.ts";
import type { Limits } from "../../src/sandbox/limits.ts";
import { call, later, program, returned, settle, startScripted, turn } from "./fixtures/scripted-run.ts";

/** Seals nothing: the state itself is what is looked at. */
function stateFreezer(onCheckpoint?: (frozen: FrozenRun) => void): Freezer {
  return {
    onCheckpoint,
    seal: async (state) => ({
      format: 1,
      engine: "e",
      session: "s",
      program,
      programSha256: "p",
      sha256: "d",
      ...state,
    }),
  };
}

function start(limits: Partial<Limits> = {}, freezer = stateFreezer()) {
  const answers = later();
  const run = startScripted(limits, answers.answer, undefined, { freezer });
  return { ...answers, run };
}

const frozen = (open: readonly number[]): RuntimeMessage => ({
  type: "frozen",
  run: "r1",
  snapshot: "AAEC",
  open,
  peakMemoryBytes: 5,
});
const unfrozen = (reason: "busy" | "calls" | "size"): RuntimeMessage => ({
  type: "unfrozen",
  run: "r1",
  reason,
});
const freeze = (held?: readonly number[]) => ({
  type: "freeze",
  run: "r1",
  ...(held === undefined ? {} : { held }),
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a held call", () => {
  test("freezes the guest when nothing else can go on, and ends the run with it", async () => {
    const { run, resolve } = start();
    await run.say(turn([call(1), call(2)], false));
    await resolve(1, HELD);
    await resolve(2, HELD);
    // The guest computes.
    expect(run.sent).toHaveLength(1);
    await run.say(turn([]));
    expect(run.sent.slice(1)).toEqual([freeze([1, 2])]);
    await run.say(frozen([1, 2]));
    expect(run.outcome).toMatchObject({
      status: "suspended",
      held: [1, 2],
      peakMemoryBytes: 5,
      frozen: {
        calls: [
          { ...call(1), held: true },
          { ...call(2), held: true },
        ],
        spent: { calls: 2, lastCall: 2, outputBytes: 0 },
        snapshot: Uint8Array.of(0, 1, 2),
      },
    });
    expect(run.kills).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("waits while another call is under way, and until its answer has been dealt with", async () => {
    const { run, resolve } = start();
    await run.say(turn([call(1), call(2)]));
    await resolve(1, HELD);
    await resolve(2);
    expect(run.sent.slice(1)).toEqual([expect.objectContaining({ type: "replies" })]);
    await run.say(turn([]));
    expect(run.sent.slice(2)).toEqual([freeze([1])]);
  });

  test("is asked about again when the guest was busy", async () => {
    const { run, resolve } = start();
    await run.say(turn([call(1)]));
    await resolve(1, HELD);
    await run.say(unfrozen("busy"));
    expect(run.sent.slice(1)).toEqual([freeze([1])]);
    await run.say(turn([]));
    expect(run.sent.slice(2)).toEqual([freeze([1])]);
  });

  test("is asked about again with a call that came meanwhile", async () => {
    const { run, resolve } = start();
    await run.say(turn([call(1)]));
    await resolve(1, HELD);
    await run.say(turn([call(2)]));
    await run.say(unfrozen("calls"));
    expect(run.sent.slice(1)).toEqual([freeze([1])]);
    await resolve(2, HELD);
    expect(run.sent.slice(2)).toEqual([freeze([1, 2])]);
  });

  test("fails where the guest is too large to be stored", async () => {
    const { run, resolve } = start();
    await run.say(turn([call(1)]));
    await resolve(1, HELD);
    await run.say(unfrozen("size"));
    expect(run.sent.at(-1)).toMatchObject({
      type: "replies",
      replies: [{ id: 1, ok: false, error: { kind: "snapshot_too_large", code: 429, tool: "srv.a" } }],
    });
    await run.say(returned);
    expect(run.outcome).toMatchObject({ status: "returned" });
  });

  test("fails where the runtime does not freeze", async () => {
    const run = startScripted({}, () => HELD);
    await run.say(turn([call(1)]));
    expect(run.sent.at(-1)).toMatchObject({
      type: "replies",
      replies: [{ id: 1, ok: false, error: { kind: "approval_required", code: 403 } }],
    });
  });

  test("takes none of the time for tools, and a runtime that never freezes is ended", async () => {
    const { run, resolve } = start({ timeoutMs: 100, toolWaitMs: 100 });
    await run.say(turn([call(1)]));
    await resolve(1, HELD);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(run.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(run.outcome).toMatchObject({ status: "stopped", reason: "crashed" });
    expect(run.kills).toBe(1);
  });
});

describe("a checkpoint", () => {
  test("is taken once for each time that the guest waits long enough", async () => {
    const onCheckpoint = vi.fn<(frozen: FrozenRun) => void>();
    const { run, resolve } = start({}, stateFreezer(onCheckpoint));
    await run.say(turn([call(1), call(2)]));
    await vi.advanceTimersByTimeAsync(40);
    expect(run.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(run.sent.slice(1)).toEqual([freeze()]);
    await run.say(frozen([1, 2]));
    expect(onCheckpoint).toHaveBeenCalledTimes(1);
    expect(onCheckpoint.mock.lastCall?.[0].calls).toEqual([
      { ...call(1), held: false },
      { ...call(2), held: false },
    ]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run.sent).toHaveLength(2);
    await resolve(1);
    await run.say(turn([]));
    await vi.advanceTimersByTimeAsync(60);
    expect(run.sent.slice(3)).toEqual([freeze()]);
    await run.say(frozen([2]));
    expect(onCheckpoint.mock.lastCall?.[0].calls).toEqual([{ ...call(2), held: false }]);
    await resolve(2);
    await run.say(returned);
    expect(run.outcome).toMatchObject({ status: "returned" });
  });

  test("holds a call as open whose answer crossed it on the way", async () => {
    const onCheckpoint = vi.fn<(frozen: FrozenRun) => void>();
    const { run, resolve } = start({}, stateFreezer(onCheckpoint));
    await run.say(turn([call(1)]));
    await vi.advanceTimersByTimeAsync(60);
    await resolve(1);
    await run.say(frozen([1]));
    expect(onCheckpoint.mock.lastCall?.[0].calls).toEqual([{ ...call(1), held: false }]);
  });

  test("is not taken when nobody asks for one, and gives way to a guest that goes on", async () => {
    const { run } = start();
    await run.say(turn([call(1)]));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run.sent).toHaveLength(1);
    const onCheckpoint = vi.fn<(frozen: FrozenRun) => void>();
    const other = start({}, stateFreezer(onCheckpoint));
    await other.run.say(turn([call(1)]));
    await vi.advanceTimersByTimeAsync(60);
    await other.run.say(unfrozen("busy"));
    await other.resolve(1);
    await other.run.say(returned);
    expect(other.run.outcome).toMatchObject({ status: "returned" });
    expect(onCheckpoint).not.toHaveBeenCalled();
  });

  test("comes before the end that is asked for meanwhile", async () => {
    const { run, resolve } = start(
      {},
      stateFreezer(() => {}),
    );
    await run.say(turn([call(1)]));
    await vi.advanceTimersByTimeAsync(60);
    await resolve(1, HELD);
    expect(run.sent.slice(1)).toEqual([freeze()]);
    await run.say(frozen([1]));
    expect(run.sent.slice(2)).toEqual([freeze([1])]);
    await run.say(frozen([1]));
    expect(run.outcome).toMatchObject({ status: "suspended", held: [1] });
  });
});

describe("a run that goes on", () => {
  test("begins with the answers, keeps held calls, and goes on counting", async () => {
    const first = start({ maxToolCalls: 4 });
    await first.run.say(turn([call(1), call(2), call(3)]));
    for (const id of [1, 2, 3]) await first.resolve(id, HELD);
    await first.run.say(frozen([1, 2, 3]));
    if (first.run.outcome?.status !== "suspended") throw new Error("It was not suspended.");
    const { frozen: stored } = first.run.outcome;

    const answers = later();
    const second = startScripted({ maxToolCalls: 4 }, answers.answer, undefined, {
      freezer: stateFreezer(),
      resumption: {
        frozen: stored,
        replies: [{ id: 1, ok: true, json: "1" }],
        again: [call(2)],
        held: [call(3)],
      },
    });
    await settle();
    expect(second.sent).toMatchObject([
      { type: "run", thaw: { snapshot: Uint8Array.of(0, 1, 2) } },
      { type: "replies", replies: [{ id: 1, ok: true, json: "1" }] },
    ]);
    expect(second.port.calls).toEqual([call(2)]);
    await second.say(turn([]));
    await answers.resolve(2);
    await second.say(turn([]));
    expect(second.sent.at(-1)).toEqual(freeze([3]));
    await second.say(unfrozen("busy"));
    await second.say(turn([call(4)], false));
    await second.say(turn([call(5)], false));
    expect(second.outcome).toMatchObject({ status: "stopped", reason: "tool_calls" });
  });
});
