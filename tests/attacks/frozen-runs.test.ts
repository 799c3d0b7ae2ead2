// Two attackers. One owns a worker, is asked to freeze its guest, and answers as he likes, or answers what
// he was not asked. The other writes to the store that keeps frozen runs: he changes them, and seals them
// again as whoever can write there can. Both want the page, another run, or more than the run may have.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gunzip, gzip } from "../../src/base/gzip.ts";
import { type FrozenRun, sealFrozenRun } from "../../src/protocol/frozen-run.ts";
import { HELD } from "../../src/protocol/guest-protocol.ts";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { quickjs } from "../../src/sandbox/browser/quickjs.ts";
import { createFreezer } from "../../src/sandbox/freezer.ts";
import { runGuest } from "../../src/sandbox/guest-run.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { type RecordingPort, recordingPort } from "../suites/recording-port.ts";
import { hostileSource } from "./setup/hostile-worker.ts";
import { LOADED_MACHINE_MS, watchPage } from "./setup/page-watch.ts";

const askingPort = (): RecordingPort =>
  recordingPort(({ target, args }, signal) => {
    if (target === "srv.ask") return HELD;
    if (target !== "srv.slow") return { ok: true, json: args };
    return new Promise<typeof HELD>((resolve) => signal.addEventListener("abort", () => resolve(HELD)));
  });

const endOf = (outcome: RunOutcome): string =>
  outcome.status === "stopped" ? `${outcome.status}/${outcome.reason}` : outcome.status;

let frame: SandboxFrame;
let sandbox: Sandbox;
beforeAll(() => {
  frame = new SandboxFrame();
  sandbox = quickjs({ frame });
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await frame[Symbol.asyncDispose]();
});

/** The proof that the sandbox still lives. */
async function benignValue(): Promise<unknown> {
  const program = { language: "javascript", code: "return 6 * 7", inputs: "{}" } as const;
  await using session = sandbox.open("benign", resolveLimits());
  const outcome = await session.run(program, recordingPort(), new AbortController().signal);
  return outcome.status === "returned" ? outcome.json : outcome;
}

interface HostileCase {
  readonly wants: string;
  readonly onRun: string;
  readonly ends: string;
  readonly limits?: Partial<Limits>;
}

const SECURITY = "stopped/security";
const ASKED = 'turn({ calls: [call(1, "srv.ask")], idle: true }); const { held } = await asked; ';
const frozen = (fields: string): string =>
  `say({ type: "frozen", run, snapshot: "", open: held, peakMemoryBytes: 0, ${fields} });`;

const HOSTILE: readonly HostileCase[] = [
  { wants: "to be stored unasked", onRun: `const held = []; ${frozen("")}`, ends: SECURITY },
  { wants: "to refuse unasked", onRun: 'say({ type: "unfrozen", run, reason: "size" })', ends: SECURITY },
  {
    wants: "to be stored while a tool works for it",
    onRun: `turn({ calls: [call(1, "srv.slow")], idle: true }); const held = [1]; ${frozen("")}`,
    ends: SECURITY,
  },
  { wants: "to be stored as another run", onRun: `${ASKED} ${frozen('run: "r0"')}`, ends: SECURITY },
  { wants: "to be stored without its calls", onRun: `${ASKED} ${frozen("open: []")}`, ends: SECURITY },
  { wants: "to have made another's call", onRun: `${ASKED} ${frozen("open: [1, 2]")}`, ends: SECURITY },
  { wants: "to have a call twice", onRun: `${ASKED} ${frozen("open: [1, 1]")}`, ends: SECURITY },
  { wants: "calls that are no numbers", onRun: `${ASKED} ${frozen('open: ["1"]')}`, ends: SECURITY },
  {
    wants: "to be stored with a call that a tool works at",
    onRun: `${ASKED} turn({ calls: [call(2, "srv.slow")], idle: true }); ${frozen("open: [1, 2]")}`,
    ends: SECURITY,
  },
  {
    wants: "100,000 calls on the page",
    onRun: `${ASKED} ${frozen("open: Array.from({ length: 1e5 }, (_, i) => i)")}`,
    ends: SECURITY,
  },
  { wants: "a snapshot that is no text", onRun: `${ASKED} ${frozen("snapshot: [1]")}`, ends: SECURITY },
  { wants: "a snapshot that is no base64", onRun: `${ASKED} ${frozen('snapshot: "<b>"')}`, ends: SECURITY },
  {
    wants: "a snapshot over its size",
    onRun: `${ASKED} ${frozen('snapshot: btoa("x".repeat(2000))')}`,
    ends: SECURITY,
    limits: { maxMessageBytes: 1_024 },
  },
  {
    wants: "16 MB of snapshot on the page",
    onRun: `${ASKED} ${frozen('snapshot: "A".repeat(16e6)')}`,
    ends: SECURITY,
    limits: { maxMessageBytes: 1_024 * 1_024 },
  },
  { wants: "memory below nothing", onRun: `${ASKED} ${frozen("peakMemoryBytes: -1")}`, ends: SECURITY },
  {
    wants: "an unknown reason",
    onRun: `${ASKED} say({ type: "unfrozen", run, reason: "constructor" })`,
    ends: SECURITY,
  },
  {
    wants: "to be asked for ever",
    onRun: `${ASKED} say({ type: "unfrozen", run, reason: "calls" })`,
    ends: SECURITY,
  },
  { wants: "to be stored twice", onRun: `${ASKED} ${frozen("")} ${frozen("")}`, ends: "suspended" },
  {
    wants: "to be stored after its end",
    onRun: `${ASKED} done(1); ${frozen("")}`,
    ends: "returned",
  },
  {
    wants: "to end after it was stored",
    onRun: `${ASKED} ${frozen("")} done(1); turn({ calls: [call(2, "srv.echo")] });`,
    ends: "suspended",
  },
  {
    wants: "a store full of nothing",
    onRun: `${ASKED} ${frozen('snapshot: btoa("no gzip")')}`,
    ends: "suspended",
  },
];

let kinds = 0;

async function attack({ onRun, limits = {} }: HostileCase, port: RecordingPort): Promise<RunOutcome> {
  kinds += 1;
  const source = hostileSource(onRun);
  const worker = await frame.spawn(`freezing-${kinds}`, async () => ({ source, modules: {}, files: {} }));
  const program = { language: "javascript", code: "0", inputs: "{}" } as const;
  const freezer = createFreezer(["hostile"], "attack", program, {});
  const all = resolveLimits({ timeoutMs: 2_500 }, limits);
  const signal = new AbortController().signal;
  const outcome = await runGuest(worker, `r${kinds}`, program, port, all, signal, { freezer });
  worker.kill();
  return outcome;
}

describe("a worker that freezes its guest against the rules", () => {
  test.for(HOSTILE)("wants $wants", async (one, { annotate }) => {
    const port = askingPort();
    const { value: outcome, longestTaskMs } = await watchPage(() => attack(one, port));
    await annotate(`longest task ${Math.round(longestTaskMs)} ms`);
    expect(endOf(outcome)).toBe(one.ends);
    expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
    expect(port.calls.filter(({ target }) => target === "srv.echo")).toEqual([]);
    expect(await benignValue()).toBe("42");
  });

  test("wants a run to go on from a snapshot of his making: its engine is another one", async () => {
    const outcome = await attack({ wants: "", onRun: `${ASKED} ${frozen("")}`, ends: "" }, askingPort());
    if (outcome.status !== "suspended") throw new Error(endOf(outcome));
    await expect(resume(outcome.frozen, "attack")).rejects.toMatchObject({
      code: 400,
      kind: "snapshot_outdated",
    });
  });
});

/** A program that holds something and waits for a decision. */
const CODE = `
const rows = Array.from({ length: 200 }, (_, n) => ({ n, text: "row " + n }));
const answer = await tools.srv.ask({});
await tools.srv.echo(answer);
return rows.length`;

async function freeze(limits: Partial<Limits> = {}): Promise<FrozenRun> {
  const program = { language: "javascript", code: CODE, inputs: "{}" } as const;
  await using session = sandbox.open("stored", resolveLimits(limits));
  const outcome = await session.run(program, askingPort(), new AbortController().signal);
  if (outcome.status !== "suspended") throw new Error(endOf(outcome));
  return outcome.frozen;
}

async function resume(
  run: FrozenRun,
  name = "stored",
  port = askingPort(),
  limits: Partial<Limits> = { timeoutMs: 2_500 },
): Promise<RunOutcome> {
  await using session = sandbox.open(name, resolveLimits(limits));
  if (session.resume === undefined) throw new Error("It does not freeze.");
  const replies = [{ id: 1, ok: true, json: "1" }] as const;
  return await session.resume(run, port, new AbortController().signal, { replies });
}

/** The same run with another snapshot, sealed as if nothing had happened. */
async function withSnapshot(run: FrozenRun, snapshot: Uint8Array<ArrayBuffer>): Promise<FrozenRun> {
  return sealFrozenRun({ ...run, snapshot });
}

/** Three numbers begin a snapshot. */
const BEGINNING = 12;

/** Bytes that mark which words of a page differ. */
const MARKS = 128;

/** What the snapshot holds before it is compressed: three numbers, a head, numbers of pages, marks, words. */
async function unpack(run: FrozenRun): Promise<Uint8Array<ArrayBuffer>> {
  const file = await gunzip(run.snapshot, Number.POSITIVE_INFINITY);
  if (file === undefined) throw new Error("It has no end.");
  return file;
}

async function pack(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const snapshot = await gzip(file, Number.POSITIVE_INFINITY);
  if (snapshot === undefined) throw new Error("It has no end.");
  return snapshot;
}

/** The file with its head read, changed and written anew. */
function editHead(file: Uint8Array<ArrayBuffer>, edit: (head: never) => object): Uint8Array<ArrayBuffer> {
  const [length = 0, pages = 0, words = 0] = new Uint32Array(file.buffer, 0, 3);
  const end = BEGINNING + length;
  const head = edit(JSON.parse(new TextDecoder().decode(file.subarray(BEGINNING, end))) as never);
  const text = JSON.stringify(head);
  const bytes = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4));
  const edited = new Uint8Array(file.length - length + bytes.length);
  edited.set(new Uint8Array(Uint32Array.of(bytes.length, pages, words).buffer));
  edited.set(bytes, BEGINNING);
  edited.set(file.subarray(end), BEGINNING + bytes.length);
  return edited;
}

describe("a store that changes frozen runs", () => {
  test("control: what was not changed goes on", async () => {
    const run = await freeze();
    const same = await withSnapshot(run, await pack(await unpack(run)));
    expect(await resume(same)).toMatchObject({ status: "returned", json: "200" });
    expect(await resume(run)).toMatchObject({ status: "returned", json: "200" });
  });

  test("wants a bomb to be unpacked: it ends as the run's memory", { timeout: 60_000 }, async () => {
    const run = await freeze();
    // Compressed in a stream: nobody here holds it either.
    const { readable, writable } = new CompressionStream("gzip");
    const writer = writable.getWriter();
    const zeros = new Uint8Array(4 * 1024 * 1024);
    const bomb = new Response(readable).bytes();
    for (let piece = 0; piece < 100; piece += 1) await writer.write(zeros);
    await writer.close();
    const armed = await withSnapshot(run, new Uint8Array(await bomb));
    const { value: outcome, longestTaskMs } = await watchPage(() =>
      resume(armed, "stored", askingPort(), { timeoutMs: 20_000 }),
    );
    expect(endOf(outcome)).toBe("stopped/memory");
    expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
    expect(await benignValue()).toBe("42");
  });

  test.for<
    readonly [wants: string, ends: string, change: (file: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>]
  >([
    ["nothing to be there", "stopped/crashed", () => new Uint8Array()],
    ["half to be there", "stopped/crashed", (file) => file.slice(0, file.length >> 1)],
    [
      "a page beyond the memory",
      "stopped/crashed",
      (file) => {
        const [length = 0] = new Uint32Array(file.buffer, 0, 1);
        new Uint32Array(file.buffer, BEGINNING + length, 1)[0] = 0xffff_ffff;
        return file;
      },
    ],
    [
      "four billion pages",
      "stopped/crashed",
      (file) => {
        new Uint32Array(file.buffer, 0, 3)[1] = 0xffff_ffff;
        return file;
      },
    ],
    [
      "words that are not there",
      "stopped/crashed",
      (file) => {
        const [length = 0, pages = 0] = new Uint32Array(file.buffer, 0, 2);
        return file.fill(0xff, BEGINNING + length + pages * 4, BEGINNING + length + pages * (4 + MARKS));
      },
    ],
    [
      "memory past the limit",
      "stopped/memory",
      (file) => editHead(file, (head: object) => ({ ...head, memoryBytes: 2 ** 32 })),
    ],
    [
      "memory below nothing",
      "stopped/crashed",
      (file) => editHead(file, (head: object) => ({ ...head, memoryBytes: -1 })),
    ],
    [
      "call numbers to begin anew",
      SECURITY,
      (file) =>
        editHead(file, (head: { outbox: object }) => ({ ...head, outbox: { ...head.outbox, callCount: 0 } })),
    ],
    [
      "a call that no program made",
      SECURITY,
      (file) =>
        editHead(file, (head: { outbox: object }) => ({
          ...head,
          outbox: { ...head.outbox, waiting: [{ id: 1, operation: "tool", target: "srv.evil", args: "{}" }] },
        })),
    ],
    [
      "an operation that nobody knows",
      "stopped/crashed",
      (file) =>
        editHead(file, (head: { outbox: object }) => ({
          ...head,
          outbox: { ...head.outbox, waiting: [{ id: 2, operation: "constructor", target: "", args: "" }] },
        })),
    ],
    ["a head of another kind", "stopped/crashed", (file) => editHead(file, () => [])],
  ])("wants %s", async ([, ends, change]) => {
    const run = await freeze();
    const port = askingPort();
    const outcome = await resume(
      await withSnapshot(run, await pack(change(await unpack(run)))),
      "stored",
      port,
    );
    expect(endOf(outcome)).toBe(ends);
    expect(port.calls.filter(({ target }) => target === "srv.evil")).toEqual([]);
    expect(await benignValue()).toBe("42");
  });

  test("wants what is no gzip to be read", async () => {
    const run = await freeze();
    const outcome = await resume(await withSnapshot(run, new TextEncoder().encode("no gzip")));
    expect(endOf(outcome)).toBe("stopped/crashed");
    expect(await benignValue()).toBe("42");
  });

  test("wants out through memory of his own: it hurts its own run alone", { timeout: 60_000 }, async ({
    annotate,
  }) => {
    const run = await freeze();
    const file = await unpack(run);
    const [length = 0, pages = 0] = new Uint32Array(file.buffer, 0, 2);
    const first = BEGINNING + length + pages * (4 + MARKS);
    const ends: string[] = [];
    let seed = 1;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let turn = 0; turn < 25; turn += 1) {
      const changed = file.slice();
      for (let word = 0; word < 1 << (turn % 10); word += 1)
        changed[first + next(changed.length - first)] = next(256);
      const port = askingPort();
      const limits = { timeoutMs: 300, toolWaitMs: 300, maxToolCalls: 5 };
      const outcome = await resume(await withSnapshot(run, await pack(changed)), "stored", port, limits);
      ends.push(endOf(outcome));
      expect(port.calls.length).toBeLessThanOrEqual(5);
      expect(await benignValue()).toBe("42");
    }
    await annotate(ends.join(" "));
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test("wants the limits to begin anew: what was sealed says how far they are used", async () => {
    const run = await freeze();
    const spent = { ...run.spent, guestMs: 10_000, calls: 1_000 };
    const changed = await sealFrozenRun({ ...run, spent });
    expect(endOf(await resume(changed))).toMatch(/^stopped\/(?:timeout|tool_calls)$/);
    const forged = { ...run, spent: { ...run.spent, calls: 0 } };
    await expect(resume(forged)).rejects.toMatchObject({ code: 403, kind: "integrity" });
  });

  test("wants another session's run", async () => {
    await expect(resume(await freeze(), "another")).rejects.toMatchObject({ code: 403, kind: "integrity" });
  });
});
