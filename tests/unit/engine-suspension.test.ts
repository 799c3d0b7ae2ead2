import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Decisions } from "../../src/engine/resumer.ts";
import type { RunEvent, RunResult } from "../../src/engine/run-result.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import type { PolicyOptions } from "../../src/tools/policy.ts";
import type { ToolDefinition } from "../../src/tools/tool.ts";
import { openEngine } from "./fixtures/engine.ts";
import { type FakeSource, fakeSource } from "./fixtures/tool-source.ts";

const TOOLS: readonly ToolDefinition[] = [
  { name: "read", annotations: { readOnlyHint: true } },
  { name: "erase", annotations: { destructiveHint: true } },
  { name: "send", annotations: { destructiveHint: false } },
];

interface Box {
  readonly source: FakeSource;
  readonly calls: (readonly [string, JsonObject])[];
  /** Another engine over the same store, as after a reload. */
  readonly open: (policy?: PolicyOptions) => Engine;
}

function box(): Box {
  const calls: (readonly [string, JsonObject])[] = [];
  const source = fakeSource("box", TOOLS, {
    call: async (name, args) => {
      calls.push([name, args]);
      return { content: [], structuredContent: { did: name, ...args } };
    },
  });
  const backend = memory();
  const open = (policy: PolicyOptions = {}): Engine =>
    openEngine({
      catalog: createCatalog([source]),
      context: createContextStore(backend),
      policy,
    });
  return { source, calls, open };
}

const THREE = `
  console.log("begun");
  const done = await Promise.all([
    tools.box.read({ n: 1 }),
    tools.box.erase({ n: 2 }).catch(({ kind, message }) => ({ kind, message })),
    tools.box.read({ n: 3 }),
  ]);
  console.log("going on");
  return done;`;

function waiting(result: RunResult): Extract<RunResult, { status: "suspended" }> {
  if (result.status !== "suspended") expect.fail(JSON.stringify(result));
  return result;
}

const all = (result: RunResult, allow: boolean, more: object = {}): Decisions =>
  Object.fromEntries(waiting(result).approvals.map(({ id }) => [id, { allow, ...more }]));

describe("a run whose call needs a word", () => {
  test("is suspended when nothing else can go on, and says what it wants", async () => {
    const { calls, open } = box();
    const events: RunEvent[] = [];
    const result = waiting(
      await open().runner.run({ code: THREE }, { onEvent: (event) => events.push(event), session: "mine" }),
    );
    expect(result).toMatchObject({
      status: "suspended",
      session: "mine",
      approvals: [
        { tool: "box.erase", args: { n: 2 }, reason: "destructive", call: 2, id: `${result.runId}.2` },
      ],
      resume: expect.stringMatching(/^mine~[0-9a-f-]{36}$/),
      logs: [{ text: "begun" }],
      toolCalls: [{ name: "box.read" }, { name: "box.read" }],
    });
    expect(calls.map(([name]) => name)).toEqual(["read", "read"]);
    expect(events.filter(({ type }) => type === "approval")).toHaveLength(1);
  });

  test("goes on after a reload, with all that it had, and repeats nothing", async () => {
    const { calls, open } = box();
    const before = waiting(await open().runner.run({ code: THREE }));
    const { resumer } = open();
    expect(await resumer.list("default")).toEqual([
      {
        resume: before.resume,
        runId: before.runId,
        session: "default",
        suspendedAt: expect.any(Number),
        approvals: before.approvals,
      },
    ]);
    const after = await resumer.resume(before.resume, all(before, true));
    expect(after).toMatchObject({
      status: "returned",
      value: [
        { did: "read", n: 1 },
        { did: "erase", n: 2 },
        { did: "read", n: 3 },
      ],
      runId: before.runId,
      logs: [{ text: "begun" }, { text: "going on" }],
      toolCalls: [{ name: "box.read" }, { name: "box.read" }, { name: "box.erase" }],
    });
    expect(calls.map(([name]) => name)).toEqual(["read", "read", "erase"]);
    expect(await resumer.list("default")).toEqual([]);
  });

  test("is told of a no", async () => {
    const { calls, open } = box();
    const engine = open();
    const before = await engine.runner.run({ code: THREE });
    const denial = all(before, false, { message: "Not today." });
    expect(await engine.resumer.resume(waiting(before).resume, denial)).toMatchObject({
      status: "returned",
      value: [
        { did: "read" },
        { kind: "denied", message: "The call of box.erase was denied: Not today." },
        { did: "read" },
      ],
    });
    expect(calls).toHaveLength(2);
  });

  test("can be suspended again and again", async () => {
    const { calls, open } = box();
    const engine = open();
    const code =
      "const seen = []; for (let n = 0; n < 3; n += 1) seen.push((await tools.box.erase({ n })).n); return seen;";
    let result = await engine.runner.run({ code });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(waiting(result).approvals).toMatchObject([{ args: { n: turn } }]);
      result = await open().resumer.resume(waiting(result).resume, all(result, true));
    }
    expect(result).toMatchObject({ status: "returned", value: [0, 1, 2] });
    expect(calls).toHaveLength(3);
  });

  test("waits on when the decisions are not complete, and goes on once", async () => {
    const { calls, open } = box();
    const engine = open();
    const before = waiting(await engine.runner.run({ code: THREE }));
    for (const decisions of [{}, { other: { allow: true } }, { [`${before.runId}.2`]: {} }]) {
      await expect(
        engine.resumer.resume(before.resume, decisions as unknown as Decisions),
      ).rejects.toMatchObject({ code: 400, kind: "missing_decision" });
    }
    const ends = await Promise.allSettled(
      Array.from({ length: 5 }, () => open().resumer.resume(before.resume, all(before, true))),
    );
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const end of ends)
      if (end.status === "rejected") expect(end.reason).toMatchObject({ code: 400, kind: "unknown_token" });
    expect(calls.filter(([name]) => name === "erase")).toHaveLength(1);
  });

  test("remembers a tool that was allowed for good", async () => {
    const { open } = box();
    const before = await open().runner.run({ code: THREE });
    await open().resumer.resume(waiting(before).resume, all(before, true, { remember: true }));
    expect(await open().runner.run({ code: THREE })).toMatchObject({ status: "returned" });
  });

  test("asks again when the tool became another one while it waited", async () => {
    const { source, calls, open } = box();
    const engine = open();
    const before = await engine.runner.run({ code: THREE });
    source.change({
      tools: TOOLS.map((tool) => (tool.name === "erase" ? { ...tool, description: "Erases it all." } : tool)),
    });
    const again = await engine.resumer.resume(waiting(before).resume, all(before, true));
    expect(waiting(again).approvals).toMatchObject([{ tool: "box.erase", call: 2 }]);
    expect(calls).toHaveLength(2);
    expect(await engine.resumer.resume(waiting(again).resume, all(again, true))).toMatchObject({
      status: "returned",
    });
  });

  test("carries its taint through the time in between", async () => {
    const policy: PolicyOptions = {
      labels: { "box.read": { source: "private" }, "box.send": { sink: true } },
    };
    const { open } = box();
    const code = "await tools.box.read({}); await tools.box.erase({}); return await tools.box.send({})";
    const before = await open(policy).runner.run({ code });
    const after = await open(policy).resumer.resume(waiting(before).resume, all(before, true));
    expect(waiting(after).approvals).toMatchObject([
      { tool: "box.send", reason: "tainted", taint: ["box.read"] },
    ]);
  });
});

test.each([undefined, "", "x", "default~nothing", "default~00000000-0000-0000-0000-000000000000", "%~x", 5])(
  "the token %j opens nothing",
  async (token) => {
    const { resumer } = box().open();
    await expect(resumer.resume(token as string, {})).rejects.toMatchObject({
      code: 400,
      kind: "unknown_token",
    });
  },
);

test("a tool that is called without a program waits and goes on in the same way", async () => {
  const { calls, open } = box();
  const before = await open().router.execute("box.erase", { n: 7 });
  expect(waiting(before)).toMatchObject({ route: { way: "mcp" }, approvals: [{ args: { n: 7 } }] });
  expect(calls).toEqual([]);
  expect(await open().resumer.resume(waiting(before).resume, all(before, true))).toMatchObject({
    status: "returned",
    value: { did: "erase", n: 7 },
  });
  expect(calls).toEqual([["erase", { n: 7 }]]);
});

test("a run that another version of the sandbox froze says so", async () => {
  const backend = memory();
  const store = createContextStore(backend);
  const { open } = box();
  const result = waiting(await open().runner.run({ code: THREE }));
  await store.open({ session: "default", area: "suspended" }).set(result.resume, '{"format":2}');
  const { source } = box();
  const engine = openEngine({
    catalog: createCatalog([source]),
    context: store,
    countTokens: async (texts) => texts.map(() => 1),
  });
  await expect(engine.resumer.resume(result.resume, all(result, true))).rejects.toMatchObject({
    code: 400,
    kind: "snapshot_outdated",
  });
  expect(await engine.resumer.list("default")).toEqual([]);
});
