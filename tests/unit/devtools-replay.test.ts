import { describe, expect, test, vi } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import type { Optimizer } from "../../src/create-optimizer.ts";
import { createReplay, type ReplayedCall } from "../../src/devtools/replay.ts";
import { createRunRecorder } from "../../src/devtools/run-recorder.ts";
import { createRunStore } from "../../src/devtools/run-store.ts";
import type { RunWatch, WatchedAnswer } from "../../src/engine/run-watch.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { createPageSource } from "../../src/tools/page-source.ts";
import { openEngine } from "./fixtures/engine.ts";

const answer = (json: string): WatchedAnswer => ({ ok: true, json, bytes: false });
const recorded = (name: string, args: JsonObject | undefined, json?: string): ReplayedCall => ({
  name,
  args: args === undefined ? undefined : JSON.stringify(args),
  answer: json === undefined ? undefined : answer(json),
});

describe("a replay", () => {
  test("answers equal calls in the order in which they were made, each once", () => {
    const replay = createReplay([
      recorded("a.x", { n: 1 }, "1"),
      recorded("a.x", { n: 2 }, "2"),
      recorded("a.x", { n: 1 }, "3"),
      recorded("b.x", { n: 1 }, "4"),
    ]);
    const ask = (ref: string, n: number) => replay.answer({ ref, args: { n } });
    expect([ask("a.x", 2), ask("a.x", 1), ask("b.x", 1), ask("a.x", 1), ask("a.x", 1)]).toEqual([
      answer("2"),
      answer("1"),
      answer("4"),
      answer("3"),
      undefined,
    ]);
    expect(replay.left).toBe(0);
  });

  test("takes arguments for equal however their keys are ordered, and for others when a value differs", () => {
    const replay = createReplay([recorded("a.x", { a: 1, b: { c: 2, d: [1, 2] } }, "1")]);
    expect(replay.answer({ ref: "a.x", args: { b: { d: [2, 1], c: 2 }, a: 1 } })).toBeUndefined();
    expect(replay.answer({ ref: "a.x", args: { a: 1 } })).toBeUndefined();
    expect(replay.left).toBe(1);
    expect(replay.answer({ ref: "a.x", args: { b: { d: [1, 2], c: 2 }, a: 1 } })).toEqual(answer("1"));
  });

  test("has no answer of calls that were refused, or whose content went", () => {
    const replay = createReplay([recorded("a.x", { n: 1 }), recorded("a.x", undefined, "1")]);
    expect(replay.left).toBe(0);
    expect(replay.answer({ ref: "a.x", args: { n: 1 } })).toBeUndefined();
  });

  test("keeps keys such as __proto__ apart from others", () => {
    const odd: JsonObject = JSON.parse('{"__proto__":{"n":1}}');
    const replay = createReplay([{ ...recorded("a.x", {}, "1"), args: '{"__proto__":{"n":1}}' }]);
    expect(replay.answer({ ref: "a.x", args: {} })).toBeUndefined();
    expect(replay.answer({ ref: "a.x", args: odd })).toEqual(answer("1"));
  });
});

/** An engine whose tools count, recorded as devtools do. */
function openRecorded(policy = {}) {
  const asked: string[] = [];
  const tool = (name: string, call: (args: JsonObject) => unknown) => ({
    [name]: {
      call: (args: JsonObject) => {
        asked.push(`${name} ${JSON.stringify(args)}`);
        return call(args);
      },
    },
  });
  const source = createPageSource({
    ...tool("count", () => asked.length),
    ...tool("fail", () => {
      throw new Error(`failed after ${asked.length}`);
    }),
    ...tool("secret", () => "s"),
    ...tool("send", () => "sent"),
  });
  const engine = openEngine({ catalog: createCatalog([source]), policy });
  const optimizer: Pick<Optimizer, "run" | "watchRuns"> = {
    run: (program, options) => engine.runner.run(program, options),
    watchRuns: (watch) => engine.watchers.add(watch),
  };
  const store = createRunStore(() => {});
  const recorder = createRunRecorder(optimizer, store);
  const repeat = async (code: string | undefined, fromRecord: number) => {
    const [first] = store.runs;
    if (first === undefined) throw new Error("Nothing ran.");
    await recorder.again(first, { ...(code === undefined ? {} : { code }), fromRecord, onBegin: () => {} });
    const last = store.runs.at(-1);
    return { value: last?.value, sources: last?.calls.map(({ source }) => source), last };
  };
  return { engine, asked, optimizer, store, recorder, repeat };
}

const THREE = "const a = []; for (const n of [1, 2, 3]) a.push(await tools.page.count({ n })); return a";

describe("a run that is repeated", () => {
  test("asks no tool for calls that answer from the record", async () => {
    await using scope = new AsyncDisposableStack();
    const { engine, asked, optimizer, repeat } = openRecorded();
    scope.use(engine);
    await optimizer.run({ code: THREE });
    expect(await repeat(undefined, 3)).toMatchObject({
      value: "[1,2,3]",
      sources: ["record", "record", "record"],
    });
    expect(asked).toHaveLength(3);
    expect(await repeat(undefined, 1)).toMatchObject({
      value: "[1,4,5]",
      sources: ["record", "tool", "tool"],
    });
    expect(asked).toHaveLength(5);
  });

  test("calls the tool where a call differs, and says so", async () => {
    await using scope = new AsyncDisposableStack();
    const { engine, asked, optimizer, repeat } = openRecorded();
    scope.use(engine);
    await optimizer.run({ code: THREE });
    const { value, sources } = await repeat(THREE.replace("[1, 2, 3]", "[1, 9, 3]"), 3);
    expect({ value, sources }).toEqual({ value: "[1,4,3]", sources: ["record", "differs", "record"] });
    expect(asked.at(-1)).toBe('count {"n":9}');
  });

  test("fails as it failed", async () => {
    await using scope = new AsyncDisposableStack();
    const { engine, asked, optimizer, repeat, store } = openRecorded();
    scope.use(engine);
    await optimizer.run({ code: "await tools.page.fail({})" });
    await repeat(undefined, 1);
    const results = store.runs.map(({ result }) => (result?.status === "threw" ? result.error : undefined));
    expect(results[0]).toMatchObject({ kind: "tool_error", message: "failed after 1" });
    expect(results[1]).toEqual(results[0]);
    expect(asked).toHaveLength(1);
  });

  test("passes the policy as any other: what it saw before still counts", async () => {
    await using scope = new AsyncDisposableStack();
    const labels = { "page.secret": { source: "private" }, "page.send": { sink: true } };
    const { engine, asked, optimizer, repeat } = openRecorded({ labels });
    scope.use(engine);
    await optimizer.run({ code: "await tools.page.secret({}); return 1" });
    const { last } = await repeat(
      "const text = await tools.page.secret({}); return await tools.page.send({ text })",
      1,
    );
    expect(last?.result).toMatchObject({
      status: "suspended",
      approvals: [{ tool: "page.send", reason: "tainted" }],
    });
    expect(asked).toEqual(["secret {}"]);
  });

  test("is refused where no program is kept", async () => {
    await using scope = new AsyncDisposableStack();
    const { engine, optimizer, recorder, store } = openRecorded();
    scope.use(engine);
    await optimizer.run({ code: "return 1" });
    const [run] = store.runs;
    if (run === undefined) throw new Error("Nothing ran.");
    const again = recorder.again({ ...run, program: undefined }, { fromRecord: 0, onBegin: () => {} });
    await expect(again).rejects.toMatchObject({ code: 400, kind: "nothing_to_run" });
  });
});

describe("a watcher", () => {
  test("hears nothing after it stopped, and what it throws changes nothing", async () => {
    await using scope = new AsyncDisposableStack();
    const { engine, recorder, store, optimizer } = openRecorded();
    scope.use(engine);
    recorder[Symbol.dispose]();
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    const wrong = (): never => {
      throw new Error("a watcher's own");
    };
    const watch: RunWatch = { event: wrong, phase: wrong, answer: wrong, answered: wrong };
    const stop = engine.watchers.add(() => watch);
    const result = await optimizer.run({ code: "return await tools.page.count({})" });
    stop();
    const count = reported.mock.calls.length;
    reported.mockRestore();
    expect(result).toMatchObject({ status: "returned", value: 1 });
    expect(count).toBeGreaterThan(3);
    expect(store.runs).toEqual([]);
  });
});

describe("the record of runs", () => {
  const begin = (store: ReturnType<typeof createRunStore>, runId: string, code = "return 1") => {
    const program = { language: "javascript", code, inputs: "{}" } as const;
    return store.begin({ runId, session: "s", kind: "javascript", resumed: false, options: {}, program });
  };

  test("keeps the last runs, and empties the oldest when their content has no room", () => {
    const store = createRunStore(() => {}, { maxRuns: 3, maxCharacters: 100 });
    for (const id of ["1", "2", "3", "4"]) begin(store, id, id.repeat(30));
    expect(store.began).toBe(4);
    expect(store.runs.map(({ number, emptied }) => [number, emptied])).toEqual([
      [2, false],
      [3, false],
      [4, false],
    ]);
    begin(store, "5", "5".repeat(40));
    expect(store.runs.map(({ number, emptied, program }) => [number, emptied, program?.code.length])).toEqual(
      [
        [3, true, undefined],
        [4, false, 30],
        [5, false, 40],
      ],
    );
  });

  test("keeps nothing that would not fit even alone", () => {
    const store = createRunStore(() => {}, { maxRuns: 3, maxCharacters: 100 });
    const { run } = begin(store, "1", "x".repeat(60));
    expect(run).toMatchObject({ program: undefined, emptied: false, characters: 0 });
  });

  test("goes on with a run that was suspended", () => {
    const store = createRunStore(() => {});
    const first = begin(store, "1");
    const second = store.begin({ runId: "1", session: "s", kind: "javascript", resumed: true, options: {} });
    expect(second.run).toBe(first.run);
    expect(store.began).toBe(1);
  });
});
