import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import type { ContextBackend } from "../../src/context/context-backend.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { toModelOutput } from "../../src/engine/model-output.ts";
import { executeRequest } from "../../src/engine/request.ts";
import type { RunResult } from "../../src/engine/run-result.ts";
import type { RunOptions } from "../../src/engine/run-scope.ts";
import { type BudgetOptions, createTokenBudgets, type TokenBudgets } from "../../src/engine/token-budgets.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const tokensOf = (text: string): number => countTokens(text, { disallowedSpecial: new Set() });
const costOf = (result: RunResult): number => tokensOf(JSON.stringify(toModelOutput(result)));

interface Place {
  readonly backend?: ContextBackend;
  readonly tenant?: string;
}

function open(
  budgets: BudgetOptions,
  { backend = memory(), tenant }: Place = {},
): Engine & { calls: number } {
  const place = { calls: 0 };
  const source = fakeSource(
    "box",
    [
      { name: "read", annotations: { readOnlyHint: true } },
      { name: "erase", annotations: { destructiveHint: true } },
    ],
    {
      call: async () => {
        place.calls += 1;
        return { content: [], structuredContent: { rows: Array.from({ length: 400 }, (_, id) => ({ id })) } };
      },
    },
  );
  const engine = openEngine({
    catalog: createCatalog([source]),
    context: createContextStore(backend),
    tenant,
    countTokens: async (texts) => texts.map(tokensOf),
    flags: { maxTokensPerRequest: 400 },
    budgets,
    cache: { ttlMs: 0 },
  });
  return Object.assign(place, engine);
}

const rows = (count: number): string => `return Array.from({ length: ${count} }, (_, id) => ({ id }))`;
const run = ({ runner }: Engine, code: string, options?: RunOptions): Promise<RunResult> =>
  runner.run({ code }, options);
const EXCEEDED = { code: 429, kind: "token_budget_exceeded" };

/** Runs until the budget is used up, and gives what all answers cost. */
async function exhaust(engine: Engine, options?: RunOptions): Promise<number> {
  let cost = 0;
  for (let turn = 0; turn < 50; turn += 1) {
    try {
      cost += costOf(await run(engine, rows(200), options));
    } catch (error) {
      expect(error).toMatchObject(EXCEEDED);
      return cost;
    }
  }
  expect.fail("The budget is never used up.");
}

describe("a session's budget", () => {
  test("counts all that goes back to a model: values, logs and errors", async () => {
    const engine = open({ sessionTokens: 10_000 });
    expect(await engine.budgets()).toEqual({ session: { limit: 10_000, used: 0 } });
    const results = [
      await run(engine, "return { a: 1 }"),
      await run(engine, "console.log('words '.repeat(20))"),
      await run(engine, "throw new Error('no words '.repeat(20))"),
      await run(engine, "for (;;);", { limits: { timeoutMs: 20 } }),
      await run(engine, rows(200)),
    ];
    const used = results.reduce((sum, result) => sum + costOf(result), 0);
    expect(await engine.budgets()).toEqual({
      session: { limit: 10_000, used, renewsAt: expect.any(Number) },
    });
    expect(results.map(({ usage }) => usage.tokens)).toEqual([5, 1, 0, 0, expect.any(Number)]);
  });

  test("cuts the last value to what is left, keeps it whole under a handle, and refuses the next run", async () => {
    const engine = open({ sessionTokens: 500 });
    await run(engine, rows(60));
    const { session } = await engine.budgets();
    const left = 500 - (session?.used ?? 0);
    expect(left).toBeGreaterThan(100);
    expect(left).toBeLessThan(400);
    const last = await run(engine, rows(400));
    expect(last).toMatchObject({
      status: "returned",
      truncated: {
        maxTokens: left,
        hint: expect.stringMatching(
          new RegExp(`^The token budget had ${left} tokens left\\. The value stayed behind`),
        ),
        handle: expect.any(String),
      },
    });
    expect(last.usage.tokens).toBeLessThanOrEqual(left);
    await expect(run(engine, "return 1")).rejects.toMatchObject({
      ...EXCEEDED,
      message: expect.stringMatching(/^The token budget of this session is used up: \d+ of 500\.$/),
      hint: expect.stringMatching(/whole again at 20\d\d-.*budgets\.sessionTokens/),
    });
    expect(await run(engine, "return 1", { session: "another" })).toMatchObject({ status: "returned" });
  });

  test("lets nothing run once it is used up, neither a program nor a tool", async () => {
    const engine = open({ sessionTokens: 500 });
    await exhaust(engine);
    const before = engine.calls;
    await expect(run(engine, "await tools.box.read()")).rejects.toMatchObject(EXCEEDED);
    expect(await executeRequest({ intent: "box.read", id: 1 }, engine)).toMatchObject({
      id: 1,
      error: { code: 429, data: { kind: "token_budget_exceeded", hint: expect.any(String) } },
    });
    expect(engine.calls).toBe(before);
  });

  test("counts what a tool brings that no program called", async () => {
    const engine = open({ sessionTokens: 10_000 });
    await executeRequest({ intent: "box.read", id: 1 }, engine);
    expect((await engine.budgets()).session?.used).toBeGreaterThan(300);
  });

  test("that is used up has a suspended run wait on", async () => {
    const engine = open({ sessionTokens: 500 });
    const waiting = await run(engine, "return await tools.box.erase({}).then(() => 1)");
    if (waiting.status !== "suspended") expect.fail(JSON.stringify(waiting));
    await exhaust(engine);
    const decisions = Object.fromEntries(waiting.approvals.map(({ id }) => [id, { allow: true }]));
    const before = engine.calls;
    await expect(engine.resumer.resume(waiting.resume, decisions)).rejects.toMatchObject(EXCEEDED);
    expect(await engine.resumer.list("default")).toMatchObject([{ resume: waiting.resume }]);
    expect(engine.calls).toBe(before);
  });

  test("is shared by two engines over one store", async () => {
    const backend = memory();
    const [one, two] = [
      open({ sessionTokens: 3_000 }, { backend }),
      open({ sessionTokens: 3_000 }, { backend }),
    ];
    const costs = await Promise.all([exhaust(one), exhaust(two)]);
    const { session } = await two.budgets();
    expect(session?.used).toBe(costs[0] + costs[1]);
    expect(await one.budgets()).toEqual({ session });
    // Each of the two may have had a last answer: 16 tokens of value, and what says how to go on.
    expect(session?.used).toBeGreaterThan(3_000 - 16);
    expect(session?.used).toBeLessThan(3_000 + 2 * 150);
  });
});

describe("a tenant's budget", () => {
  test("is one for all sessions, and none of another tenant's", async () => {
    const backend = memory();
    const ann = open({ tenantTokens: 800 }, { backend, tenant: "ann" });
    const bob = open({ tenantTokens: 800 }, { backend, tenant: "bob" });
    await exhaust(ann, { session: "one" });
    await expect(run(ann, "return 1", { session: "two" })).rejects.toMatchObject({
      ...EXCEEDED,
      message: expect.stringContaining("all sessions together"),
      hint: expect.stringContaining("budgets.tenantTokens"),
    });
    expect(await run(bob, "return 1", { session: "one" })).toMatchObject({ status: "returned" });
  });

  test("counts beside the session's, and the smaller rest is what a value gets", async () => {
    const engine = open({ sessionTokens: 5_000, tenantTokens: 300 });
    const result = await run(engine, rows(400));
    expect(result).toMatchObject({ truncated: { maxTokens: 300 } });
    const used = costOf(result);
    expect(await engine.budgets()).toMatchObject({ session: { used }, tenant: { used } });
  });
});

describe("the count", () => {
  function budgets(
    options: BudgetOptions,
    backend = memory(),
  ): { budgets: TokenBudgets; at: (time: number) => void } {
    let now = 1_000_000;
    const store = createContextStore(backend);
    const openArea = (session: string, area = "context") => store.open({ session, area });
    return {
      budgets: createTokenBudgets({ openArea, budgets: options, now: () => now }),
      at: (time) => {
        now = time;
      },
    };
  }

  test("is whole again when its window is over, and when the clock went back", async () => {
    const place = budgets({ sessionTokens: 100, windowMs: 5_000 });
    await place.budgets.add("one", 200);
    expect(await place.budgets.read("one")).toEqual({
      session: { limit: 100, used: 200, renewsAt: 1_005_000 },
    });
    place.at(1_004_999);
    await expect(place.budgets.require("one")).rejects.toMatchObject(EXCEEDED);
    place.at(1_005_000);
    await place.budgets.require("one");
    expect(await place.budgets.read("one")).toEqual({ session: { limit: 100, used: 0 } });
    await place.budgets.add("one", 200);
    place.at(1);
    await place.budgets.require("one");
  });

  test("gives no more than is left, and enough to say so", async () => {
    const { budgets: both } = budgets({ sessionTokens: 100, tenantTokens: 80 });
    expect(await both.take("one", 50)).toBe(50);
    expect(await both.take("two", 50)).toBe(30);
    expect(await both.take("two", 50)).toBe(16);
    expect(await both.read("two")).toMatchObject({ session: { used: 46 }, tenant: { used: 96 } });
    await both.add("two", -46);
    expect(await both.read("two")).toMatchObject({ session: { used: 0 }, tenant: { used: 50 } });
  });

  test("is refused where it finds no room, and finds room later where it once did", async () => {
    const backend = memory({ maxSessionBytes: 200 });
    const store = createContextStore(backend);
    const fill = async (session: string, bytes: number): Promise<void> =>
      store.open({ session }).set("x", "y".repeat(bytes));
    const { budgets: place } = budgets({ sessionTokens: 100 }, backend);
    await fill("full", 190);
    await expect(place.require("full")).rejects.toMatchObject({ code: 429, kind: "context_full" });
    await place.require("counted");
    await fill("counted", 200 - 33 - "tokens".length - "x".length);
    await expect(fill("counted", 199)).rejects.toMatchObject({ kind: "context_full" });
    await place.add("counted", 1_000);
    await expect(place.require("counted")).rejects.toMatchObject(EXCEEDED);
  });

  test("starts anew from what can't be read", async () => {
    const backend = memory();
    const { budgets: place } = budgets({ sessionTokens: 100 }, backend);
    await createContextStore(backend).open({ session: "one", area: "budget" }).set("tokens", '"nonsense"');
    await place.require("one");
    expect(await place.read("one")).toEqual({ session: { limit: 100, used: 0 } });
  });

  test.each<BudgetOptions>([
    { sessionTokens: 15 },
    { sessionTokens: Number.NaN },
    { tenantTokens: 0 },
    { tenantTokens: 16.5 },
    { windowMs: 0 },
    { windowMs: Number.POSITIVE_INFINITY },
  ])("is refused for %j", (options) => {
    expect(() => budgets(options)).toThrow(expect.objectContaining({ code: 400, kind: "invalid_options" }));
  });

  test("costs nothing where there is no budget", async () => {
    const backend = memory();
    const engine = open({}, { backend });
    await run(engine, "return 1");
    expect(await engine.budgets()).toEqual({});
    for await (const session of createContextStore(backend).sessions()) expect.fail(session.name);
  });
});
