import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { type CacheOptions, resolveCacheOptions } from "../../src/tools/cache-options.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { createPageSource } from "../../src/tools/page-source.ts";
import { ResultCache } from "../../src/tools/result-cache.ts";
import type { ToolAnnotations, ToolCallOptions, ToolDefinition, ToolResult } from "../../src/tools/tool.ts";
import { createSourceCaller } from "../../src/tools/tool-answer.ts";
import { type FakeSource, fakeSource } from "./fixtures/tool-source.ts";

const READS: ToolAnnotations = { readOnlyHint: true };
const TOOLS: readonly ToolDefinition[] = [
  { name: "get", annotations: READS },
  { name: "list", annotations: READS },
  { name: "set" },
  { name: "plain" },
  { name: "liar", annotations: { readOnlyHint: true, destructiveHint: true } },
  { name: "writer", annotations: { readOnlyHint: false } },
];

interface Request {
  readonly name: string;
  readonly args: JsonObject;
  readonly options: ToolCallOptions;
  answer(result: unknown): void;
  fail(error: Error): void;
}

/** Two servers whose answers the test gives itself, or that count their requests. */
function scripted(
  options: CacheOptions = {},
  more: { readonly answers?: (name: string) => ToolResult } = {},
) {
  const requests: Request[] = [];
  const world = { time: 1_000, enabled: true, identity: "0" as string | Error, manual: false };
  const open = (id: string): FakeSource => ({
    ...fakeSource(id, TOOLS),
    call: (name, args, callOptions) =>
      new Promise((resolve, reject) => {
        const request: Request = {
          name,
          args,
          options: callOptions,
          answer: (value) => resolve({ content: [], structuredContent: JSON.parse(JSON.stringify(value)) }),
          fail: reject,
        };
        requests.push(request);
        callOptions.signal.addEventListener("abort", () => reject(new Error("aborted")));
        if (more.answers !== undefined) resolve(more.answers(name));
        else if (!world.manual) request.answer(requests.length);
      }),
    identity: async () => {
      if (world.identity instanceof Error) throw world.identity;
      return world.identity;
    },
  });
  const first = open("one");
  const second = open("two");
  const catalog = createCatalog([first, second]);
  const cache = new ResultCache({
    callTool: createSourceCaller(),
    options: resolveCacheOptions(options),
    enabled: () => world.enabled,
    now: () => world.time,
  });
  const call = async (
    path: string,
    args: JsonObject = {},
    callOptions: ToolCallOptions = { signal: new AbortController().signal },
  ): Promise<readonly [unknown, boolean]> => {
    const tool = catalog.find(path);
    if (tool === undefined) throw new Error(path);
    const { json, cached } = await cache.callTool(tool, args, callOptions);
    return [JSON.parse(json), cached];
  };
  return { cache, call, requests, world, first, second };
}

/** Lets everything run that waits for nothing. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("a tool that only reads", () => {
  test("answers equal calls once, whatever the order of their arguments", async () => {
    const { call, cache } = scripted();
    expect(await call("one.get", { a: 1, b: 2 })).toEqual([1, false]);
    expect(await call("one.get", { b: 2, a: 1 })).toEqual([1, true]);
    expect(await call("one.get", { a: "1", b: 2 })).toEqual([2, false]);
    expect(await call("one.list", { a: 1, b: 2 })).toEqual([3, false]);
    expect(await call("two.get", { a: 1, b: 2 })).toEqual([4, false]);
    expect(cache.stats).toEqual({ hits: 1, misses: 4, shared: 0, entries: 4, bytes: expect.any(Number) });
  });

  test("is asked anew when its time is over, or the clock was set back", async () => {
    const { call, world } = scripted({ ttlMs: 100 });
    await call("one.get");
    world.time += 99;
    expect(await call("one.get")).toEqual([1, true]);
    world.time += 1;
    expect(await call("one.get")).toEqual([2, false]);
    world.time -= 1;
    expect(await call("one.get")).toEqual([3, false]);
  });

  test("is asked anew under another identity, and always while nobody knows the identity", async () => {
    const { call, world, cache } = scripted();
    await call("one.get");
    world.identity = "1";
    expect(await call("one.get")).toEqual([2, false]);
    world.identity = new Error("no credentials");
    expect(await call("one.get")).toEqual([3, false]);
    world.identity = "1";
    expect(await call("one.get")).toEqual([2, true]);
    expect(cache.stats.misses).toBe(2);
  });

  test("keeps no answer of a request during which the identity changed", async () => {
    const { call, world, requests, cache } = scripted();
    world.manual = true;
    const answer = call("one.get");
    await settle();
    world.identity = "1";
    requests[0]?.answer("of somebody");
    expect(await answer).toEqual(["of somebody", false]);
    expect(cache.stats.entries).toBe(0);
  });

  test("is asked anew when its server lists its tools anew", async () => {
    const { call, first, cache } = scripted();
    await call("one.get");
    await call("two.get");
    first.change({ tools: TOOLS.map((tool) => ({ ...tool })) });
    expect(cache.stats.entries).toBe(1);
    expect(await call("one.get")).toEqual([3, false]);
    expect(await call("two.get")).toEqual([2, true]);
  });

  test("is asked again after a failure", async () => {
    let failing = true;
    const { call } = scripted(
      {},
      { answers: () => ({ content: [{ type: "text", text: "x" }], ...(failing && { isError: true }) }) },
    );
    await expect(call("one.get")).rejects.toMatchObject({ code: 500, kind: "tool_error", message: "x" });
    failing = false;
    expect(await call("one.get")).toEqual(["x", false]);
    expect(await call("one.get")).toEqual(["x", true]);
  });

  test("gives each caller a value of its own", async () => {
    const { call } = scripted({}, { answers: () => ({ content: [], structuredContent: { list: [1] } }) });
    const [one] = await call("one.get");
    const [other] = await call("one.get");
    expect(other).toEqual(one);
    expect(other).not.toBe(one);
  });

  test("with arguments too long for a key is always asked", async () => {
    const { call, cache } = scripted();
    const text = "x".repeat(20_000);
    await call("one.get", { text });
    expect(await call("one.get", { text })).toEqual([2, false]);
    expect(cache.stats).toMatchObject({ misses: 0, entries: 0 });
  });
});

describe("which tools only read", () => {
  test("is what annotations say without contradiction", async () => {
    const { call } = scripted();
    for (const name of ["plain", "set", "liar", "writer"]) {
      await call(`one.${name}`);
      expect(await call(`one.${name}`)).toEqual([expect.any(Number), false]);
    }
  });

  test("is only what the options say for tools of the page, which change with it", async () => {
    let calls = 0;
    const page = createPageSource({
      now: {
        annotations: READS,
        call: () => {
          calls += 1;
          return calls;
        },
      },
    });
    for (const [tools, expected] of [
      [{}, [1, 2]],
      [{ "page.now": { ttlMs: 1_000 } }, [3, 3]],
    ] as const) {
      using catalog = createCatalog([page]);
      const tool = catalog.find("page.now");
      if (tool === undefined) throw new Error("there is no such tool");
      const options = resolveCacheOptions({ tools });
      using cache = new ResultCache({ callTool: createSourceCaller(), options, enabled: () => true });
      const idle = { signal: new AbortController().signal };
      const answers = [await cache.callTool(tool, {}, idle), await cache.callTool(tool, {}, idle)];
      expect(answers.map(({ json }) => JSON.parse(json))).toEqual(expected);
    }
  });

  test("is what the options say, by ref", async () => {
    const tools = { "one.plain": { ttlMs: 50 }, "one.get": { ttlMs: 0 }, "one.list": { ttlMs: 1e9 } };
    const { call, world } = scripted({ tools });
    await call("one.list");
    await call("one.plain");
    expect(await call("one.plain")).toEqual([2, true]);
    await call("one.get");
    expect(await call("one.get")).toEqual([4, false]);
    world.time += 100_000;
    expect(await call("one.plain")).toEqual([5, false]);
    expect(await call("one.list")).toEqual([1, true]);
  });

  test("is what answers say by their time, which goes before the default", async () => {
    const times: Record<string, number> = {
      get: 10,
      list: 0,
      plain: 1_000,
      set: 0,
      writer: 1_000,
      liar: 1_000,
    };
    let count = 0;
    const { call, world } = scripted(
      {},
      { answers: (name) => ({ content: [], structuredContent: ++count, ttlMs: times[name] ?? 0 }) },
    );
    const again = async (name: string): Promise<boolean> => {
      for (let times = 0; times < 2; times += 1) await call(`one.${name}`);
      return (await call(`one.${name}`))[1];
    };
    expect(await again("plain")).toBe(true);
    expect([await again("get"), await again("list")]).toEqual([true, false]);
    world.time += 10;
    expect((await call("one.get"))[1]).toBe(false);
    expect((await call("one.plain"))[1]).toBe(true);
    expect([await again("set"), await again("writer"), await again("liar")]).toEqual([false, false, false]);
  });
});

describe("a call that may write", () => {
  test("makes its server's results forgotten, and no other's", async () => {
    const { call } = scripted();
    await call("one.get");
    await call("two.get");
    await call("one.set");
    expect(await call("one.get")).toEqual([4, false]);
    expect(await call("two.get")).toEqual([2, true]);
  });

  test("does so when it fails too: nobody knows what happened", async () => {
    const { call, requests, world } = scripted();
    await call("one.get");
    world.manual = true;
    const write = call("one.set");
    requests[1]?.fail(new Error("the connection broke"));
    await expect(write).rejects.toThrow("the connection broke");
    world.manual = false;
    expect(await call("one.get")).toEqual([3, false]);
  });

  test("does so while caching is off", async () => {
    const { call, world } = scripted();
    await call("one.get");
    world.enabled = false;
    await call("one.set");
    world.enabled = true;
    expect(await call("one.get")).toEqual([3, false]);
  });

  test("keeps out what was read before it was sent and came after, or while it was under way", async () => {
    const { call, requests, world, cache } = scripted();
    world.manual = true;
    const before = call("one.get");
    await settle();
    const write = call("one.set");
    const during = call("one.get");
    await settle();
    expect(requests.map(({ name }) => name)).toEqual(["get", "set", "get"]);
    requests[0]?.answer("old");
    requests[2]?.answer("old or new");
    expect([await before, await during]).toEqual([
      ["old", false],
      ["old or new", false],
    ]);
    requests[1]?.answer("written");
    await write;
    expect(cache.stats.entries).toBe(0);
    const after = call("one.get");
    await settle();
    requests[3]?.answer("new");
    expect(await after).toEqual(["new", false]);
    expect(await call("one.get")).toEqual(["new", true]);
  });

  test("lets no later read join one that was sent before it ended", async () => {
    const { call, requests, world } = scripted();
    world.manual = true;
    const before = call("one.get");
    await settle();
    const write = call("one.set");
    requests[1]?.answer("written");
    await write;
    const after = call("one.get");
    await settle();
    requests[2]?.answer("new");
    requests[0]?.answer("old");
    expect([await before, await after]).toEqual([
      ["old", false],
      ["new", false],
    ]);
  });
});

describe("equal calls under way", () => {
  test("share one request and its progress; each counts as cached but the first", async () => {
    const { call, requests, world, cache } = scripted();
    world.manual = true;
    const heard: number[][] = [[], [], []];
    const calls = heard.map((list) =>
      call(
        "one.get",
        {},
        { signal: new AbortController().signal, onProgress: ({ progress }) => list.push(progress) },
      ),
    );
    await settle();
    requests[0]?.options.onProgress?.({ progress: 0.5 });
    requests[0]?.answer("shared");
    expect(await Promise.all(calls)).toEqual([
      ["shared", false],
      ["shared", true],
      ["shared", true],
    ]);
    expect(heard).toEqual([[0.5], [0.5], [0.5]]);
    expect(requests).toHaveLength(1);
    expect(cache.stats).toMatchObject({ hits: 0, misses: 1, shared: 2 });
  });

  test("fail together, and nothing is kept", async () => {
    const { call, requests, world, cache } = scripted();
    world.manual = true;
    const calls = Promise.allSettled([call("one.get"), call("one.get")]);
    await settle();
    requests[0]?.fail(new Error("broken"));
    expect(await calls).toMatchObject([{ reason: { message: "broken" } }, { reason: { message: "broken" } }]);
    expect(cache.stats.entries).toBe(0);
  });

  test("go on when one caller gives up, and end when all did", async () => {
    const { call, requests, world, cache } = scripted();
    world.manual = true;
    const stops = [new AbortController(), new AbortController()] as const;
    const calls = stops.map(({ signal }) => call("one.get", {}, { signal }));
    await settle();
    stops[0].abort();
    await expect(calls[0]).rejects.toMatchObject({ code: 408, kind: "cancelled" });
    expect(requests[0]?.options.signal.aborted).toBe(false);
    stops[1].abort();
    await expect(calls[1]).rejects.toMatchObject({ code: 408, kind: "cancelled" });
    expect(requests[0]?.options.signal.aborted).toBe(true);
    const next = call("one.get");
    await settle();
    requests[1]?.answer("anew");
    expect(await next).toEqual(["anew", false]);
    expect(cache.stats.entries).toBe(1);
  });

  test("of a caller that gave up before are never sent", async () => {
    const { call, requests } = scripted();
    await expect(call("one.get", {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 408 });
    expect(requests).toEqual([]);
  });
});

describe("while caching is off", () => {
  test("every call goes to its server, and nothing is kept", async () => {
    const { call, world, cache } = scripted();
    await call("one.get");
    world.enabled = false;
    expect(await call("one.get")).toEqual([2, false]);
    expect(await call("one.list")).toEqual([3, false]);
    expect(cache.stats).toMatchObject({ hits: 0, misses: 1, entries: 1 });
    world.enabled = true;
    expect(await call("one.get")).toEqual([1, true]);
    expect(await call("one.list")).toEqual([4, false]);
  });
});

describe("bounds", () => {
  test("of the number: the result unused longest goes", async () => {
    const { call, cache } = scripted({ maxEntries: 2 });
    await call("one.get", { n: 1 });
    await call("one.get", { n: 2 });
    await call("one.get", { n: 1 });
    await call("one.get", { n: 3 });
    expect(cache.stats.entries).toBe(2);
    expect((await call("one.get", { n: 1 }))[1]).toBe(true);
    expect((await call("one.get", { n: 2 }))[1]).toBe(false);
  });

  test("of the size: many small ones push out, a large one is not kept", async () => {
    const text = "x".repeat(1_000);
    const { call, cache } = scripted(
      { maxBytes: 5_000 },
      { answers: () => ({ content: [{ type: "text", text }] }) },
    );
    for (let n = 0; n < 20; n += 1) await call("one.get", { n });
    expect(cache.stats.entries).toBe(4);
    expect(cache.stats.bytes).toBeGreaterThan(4_000);
    expect(cache.stats.bytes).toBeLessThanOrEqual(5_000);
    cache.clear("two");
    expect(cache.stats.entries).toBe(4);
    cache.clear("one");
    expect(cache.stats).toMatchObject({ entries: 0, bytes: 0 });
    const small = scripted({ maxBytes: 3_000 }, { answers: () => ({ content: [{ type: "text", text }] }) });
    await small.call("one.get");
    expect(small.cache.stats).toMatchObject({ entries: 0, bytes: 0 });
  });

  test("a disposed cache holds nothing and listens to no source", async () => {
    const { call, cache, first } = scripted();
    await call("one.get");
    expect(first.listeners.size).toBe(2);
    cache[Symbol.dispose]();
    expect([first.listeners.size, cache.stats.entries]).toEqual([1, 0]);
  });
});

test.for([
  { ttlMs: -1 },
  { ttlMs: Number.NaN },
  { maxEntries: "10" },
  { maxBytes: null },
  { tools: { "a.b": {} } },
  { tools: { "a.b": null } },
])("options that make no sense are refused: %j", (options) => {
  expect(() => Reflect.apply(resolveCacheOptions, undefined, [options])).toThrow(
    expect.objectContaining({ code: 400, kind: "invalid_options" }),
  );
});
