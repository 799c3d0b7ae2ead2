import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RuntimeMessage } from "../../src/protocol/guest-protocol.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import {
  call,
  later,
  program,
  returned,
  settle,
  startScripted as start,
  turn,
} from "./fixtures/scripted-run.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("hands the program over with the limits that the runtime applies", () => {
  const run = start({ timeoutMs: 5 });
  const { toolWaitMs: _, ...limits } = resolveLimits({ timeoutMs: 5 });
  expect(run.sent).toEqual([{ type: "run", run: "r1", program, namespaces: ["srv"], limits }]);
});

test("ends with what the runtime says, and leaves the runtime alive", async () => {
  const run = start();
  await run.say(returned);
  expect(run.outcome).toEqual({ status: "returned", json: "1", peakMemoryBytes: 7 });
  expect(run.kills).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("settles once, whatever comes after", async () => {
  const run = start();
  await run.say(returned);
  await run.say({ ...returned, outcome: { status: "returned", json: "2" } });
  await run.die("late", "crashed");
  await run.cancel();
  await vi.advanceTimersByTimeAsync(10_000_000);
  expect(run).toMatchObject({ settled: 1, kills: 0, outcome: { json: "1" } });
});

test("sends answers that come together as one message", async () => {
  const { answer, resolve } = later();
  const run = start({}, answer);
  await run.say(turn([call(1), call(2), call(3)]));
  void resolve(2);
  await resolve(1);
  await resolve(3, { ok: false, error: { name: "ToolError", message: "no", kind: "tool_error", code: 500 } });
  expect(run.sent.slice(1)).toEqual([
    {
      type: "replies",
      run: "r1",
      replies: [
        { id: 2, ok: true, json: "2" },
        { id: 1, ok: true, json: "1" },
      ],
    },
    {
      type: "replies",
      run: "r1",
      replies: [
        { id: 3, ok: false, error: { name: "ToolError", message: "no", kind: "tool_error", code: 500 } },
      ],
    },
  ]);
});

test("drops an answer that comes after the end, and tells the port that nobody waits", async () => {
  const signals: AbortSignal[] = [];
  const { answer, resolve } = later();
  const run = start({}, (one, signal) => {
    signals.push(signal);
    return answer(one, signal);
  });
  await run.say(turn([call(1)], false));
  await run.say(returned);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  await resolve(1);
  expect(run.sent).toHaveLength(1);
});

describe("the clock", () => {
  test("gives the program its time and the runtime a moment to say so itself", async () => {
    const run = start({ timeoutMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(run.outcome).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program ran longer than 1000 ms.",
    });
    expect(run.kills).toBe(1);
  });

  test("stands still for the program while it waits for tools", async () => {
    const { answer, resolve } = later();
    const run = start({ timeoutMs: 1_000, toolWaitMs: 60_000 }, answer);
    for (const id of [1, 2, 3]) {
      await vi.advanceTimersByTimeAsync(300);
      await run.say(turn([call(id)]));
      await vi.advanceTimersByTimeAsync(10_000);
      await resolve(id);
    }
    expect(run.outcome).toBeUndefined();
    // 900 ms are used: what is left ends it.
    await vi.advanceTimersByTimeAsync(300);
    expect(run.outcome).toMatchObject({ reason: "timeout", message: expect.stringContaining("ran longer") });
  });

  test("counts the program's time while calls are on their way and it goes on", async () => {
    const run = start({ timeoutMs: 1_000 }, later().answer);
    await run.say(turn([call(1)], false));
    await vi.advanceTimersByTimeAsync(1_200);
    expect(run.outcome).toMatchObject({ reason: "timeout", message: expect.stringContaining("ran longer") });
  });

  test("does not believe a runtime that waits for nothing", async () => {
    const run = start({ timeoutMs: 1_000 });
    await run.say(turn([], true));
    await vi.advanceTimersByTimeAsync(1_200);
    expect(run.outcome).toMatchObject({ reason: "timeout" });
  });

  test("adds up the time that all calls take", async () => {
    const { answer, resolve } = later();
    const run = start({ timeoutMs: 1_000, toolWaitMs: 1_000 }, answer);
    await run.say(turn([call(1)]));
    await vi.advanceTimersByTimeAsync(600);
    await resolve(1);
    await run.say(turn([call(2)]));
    await vi.advanceTimersByTimeAsync(399);
    expect(run.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2);
    expect(run.outcome).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program waited longer than 1000 ms for tools.",
    });
  });

  test("stands still again when one of several answers came and the program waits for the rest", async () => {
    const { answer, resolve } = later();
    const run = start({ timeoutMs: 1_000, toolWaitMs: 60_000 }, answer);
    await run.say(turn([call(1), call(2)]));
    await resolve(1);
    await run.say(turn([], true));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(run.outcome).toBeUndefined();
    await resolve(2);
    await run.say(returned);
    expect(run.outcome).toMatchObject({ status: "returned" });
  });
});

describe("the runtime is ended", () => {
  const big = "x".repeat(2_000);

  test.each<
    readonly [
      what: string,
      reason: string,
      limits: Partial<Limits>,
      messages: readonly (RuntimeMessage | string)[],
    ]
  >([
    ["that sends no protocol", "security", {}, ["hello"]],
    ["that announces itself again", "security", {}, [{ type: "ready" }]],
    ["that is unfit in the middle", "security", {}, [{ type: "unfit", message: "x" }]],
    [
      "that speaks for another run",
      "security",
      {},
      [{ type: "turn", run: "r2", idle: false, calls: [], logs: [] }],
    ],
    ["that ends another run", "security", {}, [{ ...returned, run: "r0" }]],
    ["that uses a call number twice", "security", {}, [turn([call(1)]), turn([call(1)])]],
    ["that counts calls backwards", "security", {}, [turn([call(2), call(1)])]],
    ["that makes too many calls", "tool_calls", { maxToolCalls: 2 }, [turn([call(1), call(2), call(3)])]],
    [
      "that has too many calls in flight",
      "security",
      { maxToolCallsInFlight: 2 },
      [turn([call(1), call(2), call(3)])],
    ],
    [
      "that sends too large arguments",
      "security",
      { maxMessageBytes: 1_024 },
      [turn([call(1, JSON.stringify(big))])],
    ],
    [
      "that logs too much",
      "output",
      { maxOutputBytes: 1_000 },
      [{ ...returned, logs: [{ level: "log", text: big }] }],
    ],
    [
      "that logs too often",
      "output",
      { maxOutputBytes: 1_000 },
      [{ ...returned, logs: Array.from({ length: 50 }, () => ({ level: "log" as const, text: "" })) }],
    ],
    [
      "that returns too much",
      "output",
      { maxOutputBytes: 1_000 },
      [{ ...returned, outcome: { status: "returned", json: JSON.stringify(big) } }],
    ],
    [
      "that throws too much",
      "output",
      { maxOutputBytes: 1_000 },
      [{ ...returned, outcome: { status: "threw", error: { name: "E", message: big, kind: "exception" } } }],
    ],
  ])("%s", async (_, reason, limits, messages) => {
    const run = start(limits, later().answer);
    for (const message of messages) await run.say(message);
    expect(run.outcome).toMatchObject({
      status: "stopped",
      reason,
      message: expect.any(String),
      peakMemoryBytes: 0,
    });
    expect(run.kills).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("and none of the calls beyond a limit reaches the port", async () => {
    const run = start({ maxToolCalls: 2 });
    await run.say(turn([call(1), call(2), call(3)]));
    expect(run.port.calls.map(({ id }) => id)).toEqual([1, 2]);
  });

  test("when the caller cancels", async () => {
    const run = start();
    await run.cancel();
    expect(run.outcome).toEqual({
      status: "stopped",
      reason: "cancelled",
      message: "The run was cancelled.",
      peakMemoryBytes: 0,
    });
    expect(run.kills).toBe(1);
  });
});

test("a program that is cancelled before its start is never sent", async () => {
  const run = start({}, undefined, AbortSignal.abort());
  await settle();
  expect(run.outcome).toMatchObject({ status: "stopped", reason: "cancelled" });
  expect(run.sent).toEqual([]);
});

test("a death is a crash, a flood a breach", async () => {
  const crashed = start();
  await crashed.die("The worker crashed.", "crashed");
  expect(crashed.outcome).toMatchObject({
    status: "stopped",
    reason: "crashed",
    message: "The worker crashed.",
  });
  const flooded = start();
  await flooded.die("The worker flooded the page.", "security");
  expect(flooded.outcome).toMatchObject({
    status: "stopped",
    reason: "security",
    message: "The worker flooded the page.",
  });
});

test("logs reach the port as they come", async () => {
  const run = start();
  await run.say({ type: "turn", run: "r1", idle: false, calls: [], logs: [{ level: "warn", text: "a" }] });
  expect(run.port.logs).toEqual([{ level: "warn", text: "a" }]);
  await run.say({ ...returned, logs: [{ level: "log", text: "b" }] });
  expect(run.port.logs.map(({ text }) => text)).toEqual(["a", "b"]);
});
