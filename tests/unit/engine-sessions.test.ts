import { describe, expect, test } from "vitest";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const UNKNOWN = { code: 400, kind: "unknown_session" };

function box(backend = memory()) {
  const source = fakeSource(
    "box",
    [
      { name: "read", annotations: { readOnlyHint: true } },
      { name: "erase", annotations: { destructiveHint: true } },
    ],
    {
      call: async (name, args) => {
        if (args["fail"] === true) throw new Error("It failed.");
        return { content: [], structuredContent: { did: name } };
      },
    },
  );
  const open = (): Engine =>
    openEngine({
      catalog: createCatalog([source]),
      context: createContextStore(backend),
      policy: { grants: { "box.forbidden": "deny" } },
    });
  return { backend, open };
}

describe("a run of a created session", () => {
  test("shares its context with the others of it, also after a reload", async () => {
    const { open } = box();
    const engine = open();
    const { id } = await engine.sessions.create({ ttlMs: 60_000 });
    await engine.runner.run({ code: "await context.set('n', 41)" }, { session: id });
    const code = "return await context.get('n')";
    expect(await open().runner.run({ code }, { session: id })).toMatchObject({ value: 41, session: id });
    const other = await engine.sessions.create();
    expect(await engine.runner.run({ code }, { session: other.id })).toMatchObject({ value: null });
  });

  test("is refused once the session has ended, whatever carries it out", async () => {
    const { open } = box();
    const engine = open();
    const { id } = await engine.sessions.create();
    const waiting = await engine.runner.run({ code: "return await tools.box.erase({})" }, { session: id });
    if (waiting.status !== "suspended") expect.fail(waiting.status);
    await open().sessions.close(id);
    const session = id;
    await expect(engine.runner.run({ code: "1" }, { session })).rejects.toMatchObject(UNKNOWN);
    await expect(engine.router.execute("box.read", {}, { session })).rejects.toMatchObject(UNKNOWN);
    await expect(
      engine.resumer.resume(waiting.resume, { [`${waiting.runId}.1`]: { allow: true } }),
    ).rejects.toMatchObject({ code: 400, kind: "unknown_token" });
    expect(await engine.resumer.list(session)).toEqual([]);
  });

  test("that goes on while its session is closed leaves nothing there", async () => {
    const { backend, open } = box();
    const engine = open();
    const { id } = await engine.sessions.create();
    const code = `
      await context.set("early", 1);
      while ((await context.keys()).length > 0) await new Promise((done) => setTimeout(done, 5));
      try { await context.set("late", 1) } catch ({ kind }) { return kind }`;
    const running = engine.runner.run({ code }, { session: id });
    const { context } = { context: createContextStore(backend).open({ session: id }) };
    while ((await context.keys()).length === 0) await new Promise((done) => setTimeout(done, 5));
    await engine.sessions.close(id);
    expect(await running).toMatchObject({ status: "returned", value: "unknown_session" });
    await engine[Symbol.asyncDispose]();
    for await (const key of backend.keys("1/index/")) expect(key).not.toContain(id);
  });
});

describe("the log of a session", () => {
  test("has every run with what it called, and no word of its arguments and values", async () => {
    const { open } = box();
    const engine = open();
    const run = (code: string) => engine.runner.run({ code }, { session: "s" });
    await run("await tools.box.read({ secret: 1 }); await tools.box.read({ secret: 1 }); return 'SECRET'");
    await run(
      "await tools.box.SECRET({}).catch(() => {}); throw Object.assign(new Error('SECRET'), { kind: 'SECRET' })",
    );
    await engine.runner.run(
      { code: "for (;;);", language: "javascript" },
      { session: "s", limits: { timeoutMs: 20 } },
    );
    await engine.router.execute("box.read", { secret: 2, fail: true }, { session: "s" });
    const log = await engine.sessions.log("s");
    const common = { runId: expect.any(String), at: expect.any(Number), durationMs: expect.any(Number) };
    const quiet = { waiting: 0, approvals: 0, denials: 0 };
    expect(log.runs).toMatchObject([
      {
        ...common,
        ...quiet,
        kind: "typescript",
        status: "returned",
        tokens: 2,
        tools: [{ name: "box.read", calls: 2, errors: 0, cached: 0 }],
      },
      { ...common, ...quiet, status: "threw", code: 500, tools: [{ name: "?", calls: 1, errors: 1 }] },
      { ...common, ...quiet, kind: "javascript", status: "stopped", code: 408, reason: "timeout", tools: [] },
      {
        ...common,
        ...quiet,
        kind: "tool",
        status: "threw",
        tools: [{ name: "box.read", calls: 1, errors: 1 }],
      },
      ...log.runs.slice(4),
    ]);
    expect(log.totals).toMatchObject({ runs: log.runs.length, errors: log.runs.length - 1 });
    expect(JSON.stringify(log)).not.toMatch(/secret/i);
  });

  test("tells of decisions, and of both parts of a suspended run", async () => {
    const { open } = box();
    const engine = open();
    const code = "try { await tools.box.erase({ n: 1 }) } catch { await tools.box.erase({ n: 2 }) }";
    let result = await engine.runner.run({ code });
    for (const allow of [false, true]) {
      if (result.status !== "suspended") expect.fail(result.status);
      const decisions = Object.fromEntries(result.approvals.map(({ id }) => [id, { allow }]));
      result = await open().resumer.resume(result.resume, decisions);
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    const { runs, totals } = await engine.sessions.log("default");
    expect(
      runs.map(({ status, resumed, waiting, approvals, denials }) => [
        status,
        resumed,
        waiting,
        approvals,
        denials,
      ]),
    ).toEqual([
      ["suspended", undefined, 1, 0, 0],
      ["suspended", true, 1, 0, 1],
      ["returned", true, 0, 1, 0],
    ]);
    expect(totals).toMatchObject({ runs: 1, errors: 0, toolCalls: 2 });
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
  });

  test("has a run that the closing engine cancelled", async () => {
    const { open } = box();
    const engine = open();
    const running = engine.runner.run({ code: "for (;;) await new Promise((done) => setTimeout(done, 5))" });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await engine[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
    expect((await open().sessions.log("default")).runs).toMatchObject([{ reason: "cancelled", code: 408 }]);
  });
});

test("a suspended run that a file brought is resumed in no other session than the file's", async () => {
  const { open } = box();
  const engine = open();
  const waiting = await engine.runner.run(
    { code: "return await tools.box.erase({})" },
    { session: "victim" },
  );
  if (waiting.status !== "suspended") expect.fail(waiting.status);
  const file = JSON.parse(await (await engine.sessions.export("victim")).text());
  const there = box();
  const store = createContextStore(there.backend);
  const [, , , stolen] = file.entries.find(([area]: readonly string[]) => area === "suspended");
  const token = "attacker~00000000-0000-4000-8000-000000000000";
  await store.open({ session: "attacker", area: "suspended" }).set(token, stolen);
  await expect(
    there.open().resumer.resume(token, { [`${waiting.runId}.1`]: { allow: true } }),
  ).rejects.toMatchObject({ code: 403, kind: "integrity" });
});
