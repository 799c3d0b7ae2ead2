import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommand } from "../../src/cli/run-command.ts";
import { memory } from "../../src/context/memory.ts";
import { auditFile } from "../../src/host/audit/audit-file.ts";
import { type AuditEntry, GENESIS } from "../../src/telemetry/audit/audit-record.ts";
import type { AuditTrail } from "../../src/telemetry/audit/audit-trail.ts";
import { audit } from "../../src/telemetry/audit/backend-audit.ts";
import { verifyAudit } from "../../src/telemetry/audit/verify-audit.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-audit-"));
  file = path.join(folder, "audit.jsonl");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (number: number): AuditEntry => ({
  type: "run_began",
  run: `run ${number}`,
  session: "default",
  kind: "javascript",
});

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const entriesOf = (lines: readonly string[]): readonly unknown[] =>
  lines.map((line) => JSON.parse(line).entry);

async function fill(trail: AuditTrail, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1) trail.note(run(number));
  await trail.flush();
}

describe.for([
  ["a file", async () => auditFile(file, { maxBytes: 4_000 })],
  ["a backend", async () => audit(memory(), { maxRecords: 20 })],
] as const)("an audit log in %s", ([, open]) => {
  test("is a chain that verifies, with its head", async () => {
    await using trail = await open();
    await fill(trail, 1, 5);
    const lines = await collect(trail.lines());
    expect(entriesOf(lines)).toEqual([
      { type: "opened", version: expect.any(String) },
      ...[1, 2, 3, 4, 5].map(run),
    ]);
    const report = await verifyAudit(lines);
    expect(report).toEqual({ records: 6, head: await trail.head() });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ seq: 1, prev: GENESIS.hash });
  });

  test("lets the oldest go, says so, and verifies still", async () => {
    await using trail = await open();
    for (let round = 0; round < 45; round += 1) await fill(trail, round, round);
    const lines = await collect(trail.lines());
    expect(JSON.parse(lines[0] ?? "").seq).toBeGreaterThan(1);
    expect(lines.length).toBeLessThan(45);
    expect(await verifyAudit(lines)).toEqual({ records: lines.length, head: await trail.head() });
    expect(entriesOf(lines)).toContainEqual(expect.objectContaining({ type: "retention" }));
  });
});

describe("tampering shows", () => {
  let lines: readonly string[];
  beforeEach(async () => {
    await using trail = audit(memory());
    await fill(trail, 1, 9);
    lines = await collect(trail.lines());
  });

  test.for<[string, (all: readonly string[]) => readonly string[], object]>([
    [
      "an edited entry",
      (all) => all.with(4, all[4]?.replace("run 4", "run 9") ?? ""),
      { line: 5, kind: "edited" },
    ],
    [
      "an edited time",
      (all) => all.with(4, all[4]?.replace(/"at":\d+/, '"at":1') ?? ""),
      { line: 5, kind: "edited" },
    ],
    ["one taken out", (all) => all.toSpliced(4, 1), { line: 5, kind: "broken" }],
    ["one twice", (all) => all.toSpliced(4, 0, all[3] ?? ""), { line: 5, kind: "broken" }],
    [
      "two in another order",
      (all) => all.with(4, all[5] ?? "").with(5, all[4] ?? ""),
      { line: 5, kind: "broken" },
    ],
    ["the first ones gone", (all) => all.slice(3), { kind: "beheaded" }],
    ["half a line", (all) => all.with(9, all[9]?.slice(0, 40) ?? ""), { line: 10, kind: "unreadable" }],
    [
      "a field more",
      (all) => all.with(4, all[4]?.replace("{", '{"x":1,') ?? ""),
      { line: 5, kind: "unreadable" },
    ],
  ])("%s", async ([, change, problem]) => {
    expect(await verifyAudit(lines)).toMatchObject({ records: 10 });
    expect((await verifyAudit(change(lines))).problem).toMatchObject(problem);
  });

  test("the last ones gone, only to who kept a head", async () => {
    const { head } = await verifyAudit(lines);
    const cut = lines.slice(0, -2);
    expect((await verifyAudit(cut)).problem).toBeUndefined();
    expect((await verifyAudit(cut, head)).problem).toMatchObject({ kind: "truncated" });
    expect((await verifyAudit(lines, head)).problem).toBeUndefined();
  });

  test("a log that was written anew with hashes that fit, only to who kept a head", async () => {
    const { head } = await verifyAudit(lines);
    await using forged = audit(memory());
    await fill(forged, 1, 12);
    const other = await collect(forged.lines());
    expect((await verifyAudit(other)).problem).toBeUndefined();
    expect((await verifyAudit(other, head)).problem).toMatchObject({ line: 10, kind: "edited" });
  });
});

describe("a file", () => {
  test("goes on after a restart, and is its user's alone", async () => {
    {
      await using first = await auditFile(file);
      await fill(first, 1, 2);
    }
    await using second = await auditFile(file);
    await fill(second, 3, 3);
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    expect(await verifyAudit(lines)).toMatchObject({ records: 5 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("loses the half line of a crash, and says so", async () => {
    {
      await using first = await auditFile(file);
      await fill(first, 1, 2);
    }
    await writeFile(file, '{"seq":4,"at":17', { flag: "a" });
    await using second = await auditFile(file);
    await fill(second, 3, 3);
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    expect(await verifyAudit(lines)).toMatchObject({ records: 5 });
    expect(entriesOf(lines)).toContainEqual(expect.objectContaining({ type: "opened", tornBytes: 16 }));
  });

  test("whose end was changed is not written to", async () => {
    {
      await using first = await auditFile(file);
      await fill(first, 1, 2);
    }
    await writeFile(file, (await readFile(file, "utf8")).replace("run 2", "run 7"));
    await expect(auditFile(file)).rejects.toMatchObject({ code: 403, kind: "integrity" });
  });

  test("that somebody else writes to meanwhile is left alone, and what waits is told", async () => {
    await using trail = await auditFile(file);
    await fill(trail, 1, 1);
    await writeFile(file, "x\n", { flag: "a" });
    await fill(trail, 2, 2);
    expect(trail.failure).toMatch(/changed by somebody else/);
    expect(await readFile(file, "utf8")).not.toContain("run 2");
  });

  test("is checked by the command line", async () => {
    {
      await using trail = await auditFile(file);
      await fill(trail, 1, 3);
    }
    const whole = await readFile(file, "utf8");
    const { head } = await verifyAudit(whole.trim().split("\n"));
    const kept = `${head?.seq}:${head?.hash}`;
    expect(await runCommand(["audit", "verify", file])).toBe(0);
    expect(await runCommand(["audit", "verify", file, "--head", kept])).toBe(0);
    await writeFile(file, whole.split("\n").slice(0, 2).join("\n"));
    expect(await runCommand(["audit", "verify", file])).toBe(0);
    expect(await runCommand(["audit", "verify", file, "--head", kept])).toBe(5);
    await writeFile(file, whole.replace("run 2", "run 7"));
    expect(await runCommand(["audit", "verify", file])).toBe(5);
    expect(await runCommand(["audit", "verify", path.join(folder, "none")])).toBe(2);
    expect(await runCommand(["audit", "verify"])).toBe(2);
    expect(await runCommand(["audit", "verify", file, "--head", "7"])).toBe(2);
  });
});

test("two writers over one place make one chain", async () => {
  const backend = memory();
  const shared = { ...backend, [Symbol.asyncDispose]: () => Promise.resolve() };
  await using one = audit(shared);
  await using two = audit(shared);
  for (let number = 0; number < 20; number += 1) (number % 2 === 0 ? one : two).note(run(number));
  await Promise.all([one.flush(), two.flush()]);
  expect(await verifyAudit(one.lines())).toMatchObject({ records: 22 });
});

test("what a place can't take is written later, and nothing is written twice", async () => {
  const backend = memory();
  let isAway = true;
  await using trail = audit({
    ...backend,
    change: (keys, decide) => (isAway ? Promise.reject(new Error("away")) : backend.change(keys, decide)),
  });
  await fill(trail, 1, 2);
  expect(trail.failure).toBe("away");
  isAway = false;
  await fill(trail, 3, 3);
  expect(trail.failure).toBeUndefined();
  expect(entriesOf(await collect(trail.lines())).slice(1)).toEqual([run(1), run(2), run(3)]);
});

test("an engine audits runs, calls, decisions and refusals, and nothing that anybody wrote", async () => {
  await using trail = audit(memory());
  const source = fakeSource(
    "box",
    [{ name: "read", annotations: { readOnlyHint: true } }, { name: "send" }, { name: "erase" }],
    {
      call: async () => ({ content: [{ type: "text", text: "secret answer" }] }),
    },
  );
  {
    await using engine = openEngine({
      catalog: createCatalog([source]),
      tenant: "ann",
      audit: trail,
      flags: { enableMetrics: false },
      policy: {
        grants: { "box.erase": "deny", "box.send": "ask", "box.read": "allow" },
        onApproval: ({ args }) => ({ allow: args["to"] === "bob" }),
      },
    });
    await engine.runner.run(
      {
        code: `await tools.box.read({ secret: "argument" });
          await tools.box.send({ to: "bob" });
          for (const call of [() => tools.box.send({ to: "eve" }), () => tools.box.erase({}), () => tools.box["secret name"]({})])
            try { await call() } catch {}
          throw new Error("secret word")`,
      },
      { session: "s" },
    );
  }
  const lines = await collect(trail.lines());
  expect(lines.join("")).not.toContain("secret");
  const place = { session: "s", tenant: "ann", run: expect.any(String) };
  const definitionSha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
  const result = { ...place, type: "tool_result", cached: false };
  expect(entriesOf(lines).slice(1)).toEqual([
    { ...place, type: "run_began", kind: "typescript" },
    { ...place, type: "tool_call", call: 1, tool: "box.read" },
    { ...result, call: 1, tool: "box.read", outcome: "ok" },
    { ...place, type: "tool_call", call: 2, tool: "box.send" },
    { ...place, type: "approved", call: 2, tool: "box.send", remember: false, definitionSha256 },
    { ...result, call: 2, tool: "box.send", outcome: "ok" },
    { ...place, type: "tool_call", call: 3, tool: "box.send" },
    { ...place, type: "denied", call: 3, tool: "box.send", remember: false, definitionSha256 },
    { ...result, call: 3, tool: "box.send", outcome: "error", reason: "denied", mayHaveExecuted: false },
    { ...place, type: "tool_call", call: 4, tool: "box.erase" },
    { ...place, type: "forbidden", call: 4, tool: "box.erase" },
    { ...result, call: 4, tool: "box.erase", outcome: "error", reason: "forbidden", mayHaveExecuted: false },
    { ...result, call: 5, tool: "?", outcome: "error", reason: "unknown_tool", mayHaveExecuted: false },
    { ...place, type: "run_ended", status: "threw", code: 500, reason: "exception", toolCalls: 5 },
  ]);
  expect(await verifyAudit(lines)).toMatchObject({ records: lines.length });
});
