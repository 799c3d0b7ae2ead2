import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { pause } from "../../src/base/waits.ts";
import type { BackendChange, ContextBackend } from "../../src/context/context-backend.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { toModelOutput } from "../../src/engine/model-output.ts";
import { redis } from "../../src/host/context/redis.ts";
import { startCollector } from "../../src/sessions/collector.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { collect, until } from "../suites/context-case.ts";
import { openEngine } from "../unit/fixtures/engine.ts";
import { startHost } from "./setup/host-process.ts";
import type { HammerReport } from "./setup/redis-host.ts";
import { hasRedis, type RedisServer, skipAllWithoutRedis, startRedis } from "./setup/redis-server.ts";

skipAllWithoutRedis();

let server: RedisServer;
let prefix = "";
let made = 0;
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  if (hasRedis) server = await startRedis();
});

beforeEach(() => {
  made += 1;
  prefix = `sharing-${made}`;
  return async () => {
    for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
  };
});

afterAll(async () => {
  if (hasRedis) await server[Symbol.asyncDispose]();
});

/** As one host opens it. */
function open(options: { readonly leaseMs?: number } = {}): ContextBackend {
  const backend = redis({ url: server.url, prefix, timeoutMs: 20_000, ...options });
  opened.push(backend);
  return backend;
}

const write = (backend: ContextBackend, key: string, text: string): Promise<void> =>
  backend.change([key], () => ({ records: new Map([[key, text]]), result: undefined }));

test("two hosts hammer one session: no update is lost, and none fails", async () => {
  const task = { type: "hammer", url: server.url, prefix, rounds: 60 } as const;
  await using one = await startHost();
  await using two = await startHost();
  one.begin(task);
  two.begin(task);
  const reports = (await Promise.all([one.next(), two.next()])) as HammerReport[];
  const acknowledged = reports.reduce((sum, report) => sum + report.acknowledged, 0);
  expect(reports.map(({ errors }) => errors)).toEqual([[], []]);
  expect(acknowledged).toBe(2 * 4 * 60);
  const store = createContextStore(open());
  expect(await store.open({ session: "shared" }).get("count")).toBe(String(acknowledged));
  const { bytes } = (await store.open({ session: "shared" }).summary()) ?? {};
  const [totals] = await open().read(["1/totals"]);
  expect(totals).toBe(JSON.stringify({ format: 1, bytes, sessions: 1 }));
});

describe("two engines over one Redis", () => {
  const BUDGET = 3_000;
  const countTokens = async (texts: readonly string[]): Promise<number[]> =>
    texts.map((text) => Math.ceil(text.length / 4));

  function engine(backend: ContextBackend): Engine {
    return openEngine({
      catalog: createCatalog([]),
      context: createContextStore(backend),
      countTokens,
      flags: { maxTokensPerRequest: 400 },
      budgets: { sessionTokens: BUDGET },
    });
  }

  /** Runs until the budget is used up; what all answers cost. */
  async function exhaust({ runner }: Engine): Promise<number> {
    let cost = 0;
    for (let turn = 0; turn < 50; turn += 1) {
      try {
        const result = await runner.run({ code: "return Array.from({ length: 200 }, (_, id) => ({ id }))" });
        const [tokens = 0] = await countTokens([JSON.stringify(toModelOutput(result))]);
        cost += tokens;
      } catch (error) {
        expect(error).toMatchObject({ code: 429, kind: "token_budget_exceeded" });
        return cost;
      }
    }
    expect.fail("The budget is never used up.");
  }

  test("a session's budget is one, however many runs both have at a time", async () => {
    const engines = [engine(open()), engine(open())];
    const lanes = engines.flatMap((one) => [one, one, one]);
    const costs = await Promise.all(lanes.map(exhaust));
    const spent = costs.reduce((sum, cost) => sum + cost, 0);
    const budgets = await Promise.all(engines.map((one) => one.budgets()));
    expect(budgets[0]?.session?.used).toBe(spent);
    expect(budgets[1]).toEqual(budgets[0]);
    // Each run that was let in gets 16 tokens of value at least, and what says how to go on.
    expect(spent).toBeGreaterThan(BUDGET - 16);
    expect(spent).toBeLessThan(BUDGET + lanes.length * 150);
  });

  test("without Redis a run with a budget is refused, and runs again when it is back", async () => {
    await using own = await startRedis();
    const backend = redis({ url: own.url, timeoutMs: 500 });
    opened.push(backend);
    const one = engine(backend);
    await one.runner.run({ code: "return 1" });
    await own.kill();
    await expect(one.runner.run({ code: "return 1" })).rejects.toMatchObject({
      code: 500,
      kind: expect.stringMatching(/^storage_(unavailable|outcome_unknown)$/),
    });
    await own.restart();
    const until5s = performance.now() + 5_000;
    let status = "";
    while (status === "" && performance.now() < until5s)
      status = await one.runner.run({ code: "return 1" }).then(
        (result) => result.status,
        () => "",
      );
    expect(status).toBe("returned");
  });
});

describe("one of the hosts leads", () => {
  test("collects in one of them, and in the other when that one has closed", async () => {
    const collected: string[] = [];
    const start = (name: string): AsyncDisposable =>
      startCollector({
        collect: async () => void collected.push(name),
        backend: open({ leaseMs: 300 }),
        everyMs: 20,
      });
    const one = start("one");
    await until(() => collected.length > 3);
    const two = start("two");
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(new Set(collected)).toEqual(new Set(["one"]));
    await one[Symbol.asyncDispose]();
    await until(() => collected.includes("two"));
    await two[Symbol.asyncDispose]();
  });

  test("work that has ended gives the lock back, and one that waits can be told to stop", async () => {
    const [one, two] = [open(), open()];
    const said: string[] = [];
    await one.lead?.(async () => void said.push("one"), new AbortController().signal);
    await two.lead?.(async () => void said.push("two"), new AbortController().signal);
    const leading = new AbortController();
    const working = one.lead?.((signal) => pause(60_000, signal), leading.signal);
    await until(async () => (await server.ask("EXISTS", `{${prefix}}:leader`)) === ":1");
    const waiting = new AbortController();
    const never = two.lead?.(async () => void said.push("never"), waiting.signal);
    waiting.abort();
    await never;
    leading.abort();
    await working;
    expect(said).toEqual(["one", "two"]);
  });

  test("a holder whose lock is another's can't write, hears of it, and begins anew when it is its turn", async () => {
    const backend = open({ leaseMs: 300 });
    const closing = new AbortController();
    const said: string[] = [];
    const working = backend.lead?.(async (leading) => {
      await write(backend, "by", '"me"');
      said.push("written");
      if (said.length > 1) return;
      await server.ask("SET", `{${prefix}}:leader`, "somebody else's");
      await expect(write(backend, "by", '"late"')).rejects.toMatchObject({ kind: "not_leading" });
      said.push("refused");
      await pause(60_000, leading);
      said.push("lost");
      await server.ask("DEL", `{${prefix}}:leader`);
    }, closing.signal);
    await until(() => said.includes("refused"));
    // Nobody else needs the lock to write.
    await write(open(), "other", "1");
    await working;
    expect(said).toEqual(["written", "refused", "lost", "written"]);
    expect(await open().read(["by"])).toEqual(['"me"']);
  });

  test("a host that was stopped past its lease finds its writes refused when it goes on", async () => {
    await using child = await startHost();
    child.begin({ type: "lead", url: server.url, prefix, rounds: 3_000 });
    expect(await child.next()).toBe("leading");
    child.signal("SIGSTOP");
    const backend = open({ leaseMs: 600 });
    await backend.lead?.(async () => {
      await write(backend, "by", '"parent"');
      child.signal("SIGCONT");
      expect(await child.next()).toEqual(["written", "not_leading"]);
      await write(backend, "by", '"parent still"');
    }, new AbortController().signal);
    expect(await backend.read(["by"])).toEqual(['"parent still"']);
  });
});

describe("what other hosts say of their changes", () => {
  test("is heard once by everybody, by nobody twice", async () => {
    const [one, two] = [open(), open()];
    const heard: (readonly [string, BackendChange])[] = [];
    await Promise.all([one.read(["x"]), two.read(["x"])]);
    one.onChange((change) => heard.push(["one", change]));
    two.onChange((change) => heard.push(["two", change]));
    await write(one, "x", "1");
    await until(() => heard.length > 1);
    await one.change(["x"], () => ({ records: new Map([["x", undefined]]), result: undefined }));
    await until(() => heard.length > 3);
    expect(heard.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ["one", { written: ["x"], deleted: [], elsewhere: false }],
      ["one", { written: [], deleted: ["x"], elsewhere: false }],
      ["two", { written: ["x"], deleted: [], elsewhere: true }],
      ["two", { written: [], deleted: ["x"], elsewhere: true }],
    ]);
  });

  test("a forged one says that keys changed, and no value", async () => {
    const backend = open();
    await write(backend, "x", "1");
    const heard: BackendChange[] = [];
    backend.onChange((change) => heard.push(change));
    for (const message of [
      "garbage",
      "[]",
      "null",
      '{"written":"x","deleted":[]}',
      '{"written":[1],"deleted":[]}',
    ])
      await server.ask("PUBLISH", `{${prefix}}:changes`, message);
    await server.ask("PUBLISH", `{${prefix}}:changes`, '{"written":["x"],"deleted":[],"value":"2"}');
    await until(() => heard.length > 0);
    expect(heard).toEqual([{ written: ["x"], deleted: [], elsewhere: true }]);
    expect(await backend.read(["x"])).toEqual(["1"]);
  });
});

describe("what somebody else wrote under our keys", () => {
  const key = (name: string): string => `{${prefix}}:record:${name}`;

  test("stays as it is and fails by itself: a list, a text without our mark, a newer kind", async () => {
    const backend = open();
    const store = createContextStore(backend);
    const context = store.open({ session: "s" });
    await context.set("x", "1");
    await context.set("y", "2");
    const value = key("1/value//s/context/x");
    for (const foreign of [
      ["RPUSH", value, "item"],
      ["SET", value, "short"],
      ["SET", value, `${"0".repeat(16)}z1`],
    ] as const) {
      await server.ask("DEL", value);
      await server.ask(...foreign);
      await expect(context.get("x")).rejects.toMatchObject({ code: 500, kind: "corrupt_record" });
      await expect(context.update("x", () => "3")).rejects.toMatchObject({ kind: "corrupt_record" });
      expect(await collect(context.entries())).toEqual([["y", "2"]]);
      expect(await server.ask("EXISTS", value)).toBe(":1");
    }
    expect(store.health).toMatchObject({ state: "degraded", reason: "corrupt_record" });
    await server.ask("DEL", key("1/index//s"));
    await server.ask("RPUSH", key("1/index//s"), "item");
    await expect(context.set("y", "3")).rejects.toMatchObject({ kind: "corrupt_record" });
    await store.open({ session: "another" }).set("x", "1");
    expect(await store.collect()).toBe(0);
    expect(await store.drop({ session: "s" })).toBe(true);
    expect((await collect(backend.keys(""))).toSorted()).toEqual([
      "1/index//another",
      "1/totals",
      "1/value//another/context/x",
    ]);
  });

  test("texts and bytes come back as they were, halves of characters too", async () => {
    const backend = open();
    const values = ['"é😀\\u0000"', '"\ud800 half"', "\ufeff1", "", "b", new Uint8Array([0, 116, 255])];
    for (const [at, value] of values.entries())
      await backend.change([], () => ({ records: new Map([[String(at), value]]), result: undefined }));
    expect(await backend.read(values.map((_, at) => String(at)))).toEqual(values);
  });

  test("keys are listed by prefix, whatever else the server holds, in pages", async () => {
    const backend = open();
    const records = new Map(Array.from({ length: 2_500 }, (_, at) => [`a/${at}`, "1"]));
    records.set("a", "1").set("b/é", "1").set("a0", "1");
    await backend.change([], () => ({ records, result: undefined }));
    await server.ask("SET", key("a/not-ours"), "1");
    expect((await collect(backend.keys("a/"))).length).toBe(2_500);
    expect(await collect(backend.keys("b/"))).toEqual(["b/é"]);
    expect((await collect(backend.keys(""))).length).toBe(2_503);
    expect(await collect(backend.keys("c"))).toEqual([]);
  });
});
