import { describe, expect, test } from "vitest";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { RunResult } from "../../src/engine/run-result.ts";
import type { RunOptions } from "../../src/engine/run-scope.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { inProcessQuickJs } from "../suites/in-process-quickjs.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

function box(backend = memory(), sandboxes?: readonly Sandbox[]) {
  const source = fakeSource(
    "box",
    [
      { name: "read", annotations: { readOnlyHint: true } },
      { name: "erase", annotations: { destructiveHint: true } },
      { name: "send", annotations: { destructiveHint: false } },
    ],
    { call: async (name) => ({ content: [], structuredContent: { did: name } }) },
  );
  const store = createContextStore(backend);
  const engine: Engine = openEngine({
    catalog: createCatalog([source]),
    sandboxes: sandboxes ?? [inProcessQuickJs()],
    context: store,
    policy: { labels: { "box.read": { source: "private" }, "box.send": { sink: true } } },
  });
  const run = (code: string, session: string, options: RunOptions = {}): Promise<RunResult> =>
    engine.runner.run({ code }, { session, ...options });
  return { backend, store, engine, run };
}

const warningsOf = ({ logs }: RunResult): readonly string[] =>
  logs.filter(({ level }) => level === "warn").map(({ text }) => text);

describe("a session that keeps globals", () => {
  test("gives them to its next program, also after a reload; others begin without", async () => {
    const { backend, engine, run } = box();
    const { id } = await engine.sessions.create({ keepGlobals: true });
    await run("globalThis.count = 41; globalThis.next = () => ++count", id);
    const again = box(backend);
    expect(await again.run("return next()", id)).toMatchObject({ status: "returned", value: 42, logs: [] });
    expect(await run("return count", id)).toMatchObject({ value: 42 });
    const code = "return typeof count";
    const other = await engine.sessions.create({ keepGlobals: true });
    const fresh = await engine.sessions.create();
    for (const session of [other.id, fresh.id, "default"])
      expect(await run(code, session)).toMatchObject({ value: "undefined", logs: [] });
    await run("globalThis.count = 1", fresh.id);
    expect(await run(code, fresh.id)).toMatchObject({ value: "undefined" });
  });

  test("gives each language its own, where one sandbox has engines of both", async () => {
    const quickjs = inProcessQuickJs();
    const python = inProcessQuickJs();
    await using both: Sandbox = {
      ...quickjs,
      traits: { ...quickjs.traits, languages: ["javascript", "python"] },
      open: (session, limits) => ({
        // An engine of its own; that it reads JavaScript is nothing to whoever keeps its globals.
        run: (program, ...rest) =>
          program.language === "python"
            ? python.open(session, limits).run({ ...program, language: "javascript" }, ...rest)
            : quickjs.open(session, limits).run(program, ...rest),
        async [Symbol.asyncDispose]() {},
      }),
      async [Symbol.asyncDispose]() {
        await Promise.all([quickjs, python].map((one) => one[Symbol.asyncDispose]()));
      },
    };
    const { engine } = box(memory(), [both]);
    const { id: session } = await engine.sessions.create({ keepGlobals: true });
    const run = (language: "javascript" | "python", code: string): Promise<RunResult> =>
      engine.runner.run({ language, code }, { session });
    await run("javascript", "globalThis.of = 'javascript'");
    await run("python", "globalThis.of = 'python'");
    expect(await run("javascript", "return of")).toMatchObject({ value: "javascript", logs: [] });
    expect(await run("python", "return of")).toMatchObject({ value: "python", logs: [] });
  });

  test("keeps what a program left that was suspended in between", async () => {
    const { backend, engine, run } = box();
    const { id } = await engine.sessions.create({ keepGlobals: true });
    await run("globalThis.seen = ['before']", id);
    const waiting = await run("const { did } = await tools.box.erase({}); seen.push(did); return seen", id);
    if (waiting.status !== "suspended") expect.fail(JSON.stringify(waiting));
    const again = box(backend);
    const decisions = { [`${waiting.runId}.1`]: { allow: true } };
    expect(await again.engine.resumer.resume(waiting.resume, decisions)).toMatchObject({
      value: ["before", "erase"],
      logs: [],
    });
    expect(await run("return seen", id)).toMatchObject({ value: ["before", "erase"] });
  });

  test("keeps the taint of what its programs have seen", async () => {
    const { engine, run } = box();
    const { id } = await engine.sessions.create({ keepGlobals: true });
    await run("globalThis.secret = await tools.box.read({})", id);
    const leak = await run("return await tools.box.send({ secret })", id);
    if (leak.status !== "suspended") expect.fail(JSON.stringify(leak));
    expect(leak.approvals).toMatchObject([{ reason: "tainted", taint: ["box.read"] }]);
    // Control: without globals nothing came along.
    const { id: fresh } = await engine.sessions.create();
    await run("globalThis.secret = await tools.box.read({})", fresh);
    expect(await run("return await tools.box.send({ n: 1 })", fresh)).toMatchObject({ status: "returned" });
  });

  test.for(["no JSON", "{}", '{"snapshot":"*"}', '{"format":9,"snapshot":""}'])(
    "begins without those that can't be read, and says so: %s",
    async (stored) => {
      const { engine, run, store } = box();
      const { id } = await engine.sessions.create({ keepGlobals: true });
      await run("globalThis.n = 1", id);
      await store.open({ session: id, area: "globals" }).set("quickjs-in-process", stored);
      const result = await run("globalThis.n ??= 5; return n", id);
      expect(result).toMatchObject({ value: 5 });
      expect(warningsOf(result)).toEqual([expect.stringContaining("can't be read")]);
      expect(await run("return n", id)).toMatchObject({ value: 5, logs: [] });
    },
  );

  test("says so when there is no room for them, and in a sandbox that keeps none", async () => {
    const { engine, run } = box(memory({ maxSessionBytes: 4_000 }));
    const { id } = await engine.sessions.create({ keepGlobals: true });
    const full = await run("globalThis.n = Array.from({ length: 2_000 }, Math.random); return 2", id);
    expect(full).toMatchObject({ status: "returned", value: 2 });
    expect(warningsOf(full)).toEqual([expect.stringContaining("stay as they were")]);
    const quick = inProcessQuickJs();
    const plain = box(memory(), [{ ...quick, traits: { ...quick.traits, keepsGlobals: false } }]);
    const session = await plain.engine.sessions.create({ keepGlobals: true });
    const result = await plain.run("return 3", session.id);
    expect(result).toMatchObject({ value: 3 });
    expect(warningsOf(result)).toEqual([expect.stringContaining("keeps no globals")]);
  });

  test("takes them along in a file, under its own name", async () => {
    const { engine, run } = box();
    const { id } = await engine.sessions.create({ keepGlobals: true });
    await run("globalThis.n = 7", id);
    const file = await engine.sessions.export(id);
    const there = box();
    await there.engine.sessions.import(file);
    expect(await there.run("return n", id)).toMatchObject({ value: 7 });
    const other = await there.engine.sessions.create({ keepGlobals: true });
    expect(await there.engine.sessions.import(file, { as: other.id })).toMatchObject({
      dropped: ["globals"],
    });
    expect(await there.run("return typeof n", other.id)).toMatchObject({ value: "undefined" });
  });
});
