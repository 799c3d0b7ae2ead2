import { expect, test } from "vitest";
import {
  type FrozenRun,
  parseFrozenRun,
  programDigest,
  requireSealed,
  sealFrozenRun,
  unknownOutcome,
} from "../../src/protocol/frozen-run.ts";

const prepared = { source: "…", filename: "program.ts", returns: { line: 2, column: 0 }, map: "AAAA" };
const call = { id: 2, operation: "tool", target: "srv.a", args: "{}", held: true } as const;

const seal = (): Promise<FrozenRun> =>
  sealFrozenRun({
    engine: "engine",
    session: "one",
    program: { language: "typescript", code: "1", inputs: "{}", prepared },
    calls: [call],
    spent: { calls: 2, lastCall: 2, outputBytes: 70, guestMs: 1.5, toolWaitMs: 0 },
    snapshot: Uint8Array.of(1, 2, 3),
  });

const outdated = { code: 400, kind: "snapshot_outdated" };
const integrity = { code: 403, kind: "integrity" };

test("a frozen run survives being cloned and read, and is still sealed", async () => {
  const run = await seal();
  const read = parseFrozenRun(structuredClone(run));
  expect(read).toEqual(run);
  await requireSealed(read, { engine: "engine", session: "one" });
  const { prepared: _, ...bare } = run.program;
  expect(parseFrozenRun({ ...run, program: bare }).program).toEqual(bare);
});

test("it is for one engine and one session", async () => {
  const run = await seal();
  await expect(requireSealed(run, { engine: "other", session: "one" })).rejects.toMatchObject(outdated);
  await expect(requireSealed(run, { engine: "engine", session: "two" })).rejects.toMatchObject(integrity);
});

test("nothing in it can change unnoticed", async () => {
  const run = await seal();
  const { program, spent } = run;
  const changes: readonly Partial<FrozenRun>[] = [
    { program: { ...program, code: "2" } },
    { program: { ...program, inputs: "[]" } },
    { program: { ...program, language: "javascript" } },
    { program: { ...program, prepared: { ...prepared, source: "?" } } },
    { program: { ...program, prepared: { ...prepared, returns: { line: 1, column: 0 } } } },
    { programSha256: await programDigest({ ...program, code: "2" }) },
    { calls: [] },
    { calls: [{ ...call, held: false }] },
    { calls: [{ ...call, args: "[]" }] },
    ...["calls", "lastCall", "outputBytes", "guestMs", "toolWaitMs"].map((key) => ({
      spent: { ...spent, [key]: 9 },
    })),
    { snapshot: Uint8Array.of(1, 2, 4) },
    { sha256: "0".repeat(64) },
  ];
  for (const change of changes) {
    const changed = { ...run, ...change };
    await expect(requireSealed(changed, { engine: "engine", session: "one" })).rejects.toMatchObject(
      integrity,
    );
  }
});

test("what a store makes of it is read field by field", async () => {
  const run = await seal();
  const broken: readonly unknown[] = [
    null,
    "text",
    [],
    {},
    { ...run, format: "1" },
    { ...run, engine: 1 },
    { ...run, session: undefined },
    { ...run, program: "1" },
    { ...run, program: { ...run.program, language: "ruby" } },
    { ...run, program: { ...run.program, prepared: { ...prepared, returns: { line: "1" } } } },
    { ...run, calls: {} },
    { ...run, calls: [{ ...call, id: -1 }] },
    { ...run, calls: [{ ...call, held: 1 }] },
    { ...run, calls: [{ ...call, operation: "constructor" }] },
    { ...run, spent: { ...run.spent, guestMs: Number.NaN } },
    { ...run, spent: { ...run.spent, calls: Number.POSITIVE_INFINITY } },
    { ...run, snapshot: [1, 2, 3] },
    { ...run, snapshot: new ArrayBuffer(3) },
    { ...run, snapshot: new Uint8Array(new SharedArrayBuffer(3)) },
    { ...run, sha256: null },
  ];
  for (const value of broken) {
    expect(() => parseFrozenRun(value), JSON.stringify(value)).toThrow(
      expect.objectContaining({ code: 403 }),
    );
  }
  expect(() => parseFrozenRun({ ...run, format: 2 })).toThrow(expect.objectContaining(outdated));
});

test("a call that was under way has an outcome that nobody knows", () => {
  expect(unknownOutcome(call)).toMatchObject({
    id: 2,
    ok: false,
    error: { kind: "unknown_outcome", code: 500, tool: "srv.a" },
  });
  const { error } = {
    error: undefined,
    ...unknownOutcome({ ...call, operation: "context_set", target: "" }),
  };
  expect(error?.message).toContain("context_set");
  expect(error).not.toHaveProperty("tool");
});
