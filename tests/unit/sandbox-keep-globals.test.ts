import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RuntimeCommand } from "../../src/protocol/guest-protocol.ts";
import { engineOf } from "../../src/sandbox/freezer.ts";
import type { DeathListener, GuestChannel } from "../../src/sandbox/guest-run.ts";
import { runWithGlobals } from "../../src/sandbox/keep-globals.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";

const RETURNED: RunOutcome = { status: "returned", json: "1", peakMemoryBytes: 5 };

/** A channel whose runtime answers the page's question with these messages. */
function channelThat(answer: (say: (data: unknown) => void, die: () => void) => void) {
  const sent: RuntimeCommand[] = [];
  const ends: string[] = [];
  let hear: ((data: unknown) => void) | undefined;
  let onDeath: DeathListener | undefined;
  const channel: GuestChannel = {
    send(command) {
      sent.push(command);
      answer(
        (data) => hear?.(typeof data === "string" ? data : JSON.stringify(data)),
        () => onDeath?.("it died", "crashed"),
      );
    },
    listen(message, death) {
      hear = message;
      onDeath = death;
    },
    unlisten() {
      hear = undefined;
      onDeath = undefined;
    },
    kill: () => void ends.push("killed"),
  };
  const logs: string[] = [];
  const place = {
    channel,
    run: "r1",
    session: "s",
    keptBy: ["engine"],
    limits: { maxMessageBytes: 10 },
    port: {
      log: (entries: readonly { text: string }[]) => void logs.push(...entries.map(({ text }) => text)),
    },
  };
  return { sent, ends, logs, place };
}

const frozen = (more: object = {}): object => ({
  type: "frozen",
  run: "r1",
  snapshot: "AAEC",
  open: [],
  peakMemoryBytes: 1,
  ...more,
});

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

test("the globals of a program that ended by itself are asked for, and sealed for its session", async () => {
  const { sent, ends, logs, place } = channelThat((say) => say(frozen()));
  const outcome = await runWithGlobals({}, place, async (given) => {
    expect(given).toEqual({});
    return RETURNED;
  });
  expect(outcome).toEqual({
    ...RETURNED,
    globals: {
      format: 1,
      engine: await engineOf(["engine"]),
      session: "s",
      snapshot: Uint8Array.of(0, 1, 2),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  expect([sent, ends, logs]).toEqual([[{ type: "freeze", run: "r1" }], [], []]);
  const { globals: before } = outcome;
  if (before === undefined) expect.fail("nothing");
  await runWithGlobals({ before }, place, async (given) => {
    expect(given).toEqual({ snapshot: Uint8Array.of(0, 1, 2) });
    return RETURNED;
  });
});

test("nobody is asked where a program was stopped", async () => {
  const { sent, place } = channelThat(() => {});
  const stopped: RunOutcome = { status: "stopped", reason: "timeout", message: "", peakMemoryBytes: 0 };
  expect(await runWithGlobals({}, place, async () => stopped)).toBe(stopped);
  expect(sent).toEqual([]);
});

test.for<readonly [what: string, message: unknown]>([
  ["no message at all", "x"],
  ["another run's", frozen({ run: "r2" })],
  ["one with open calls", frozen({ open: [1] })],
  ["no base64", frozen({ snapshot: "*" })],
  ["more than it may have", frozen({ snapshot: "A".repeat(16) })],
  ["a second end", { type: "done", run: "r1", outcome: RETURNED, logs: [], peakMemoryBytes: 1 }],
  ["a call", { type: "turn", run: "r1", idle: false, calls: [], logs: [] }],
])("a runtime that sends %s is ended, and the outcome stays", async ([, message]) => {
  const { ends, logs, place } = channelThat((say) => say(message));
  expect(await runWithGlobals({}, place, async () => RETURNED)).toBe(RETURNED);
  expect([ends, logs]).toEqual([["killed"], [expect.stringContaining("stay as they were")]]);
});

test("so is one that says nothing, and one that dies", async () => {
  const silent = channelThat(() => {});
  const running = runWithGlobals({}, silent.place, async () => RETURNED);
  while (silent.sent.length === 0) await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await running).toBe(RETURNED);
  expect(silent.ends).toEqual(["killed"]);
  const dead = channelThat((_say, die) => die());
  expect(await runWithGlobals({}, dead.place, async () => RETURNED)).toBe(RETURNED);
  expect(dead.logs).toEqual([expect.stringContaining("it died")]);
});

test("one that can't keep them says so and lives on", async () => {
  const { ends, logs, place } = channelThat((say) => say({ type: "unfrozen", run: "r1", reason: "size" }));
  expect(await runWithGlobals({}, place, async () => RETURNED)).toBe(RETURNED);
  expect([ends, logs]).toEqual([[], [expect.stringContaining("too large")]]);
});
