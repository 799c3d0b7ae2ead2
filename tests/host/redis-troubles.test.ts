import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pause } from "../../src/base/waits.ts";
import type { ContextBackend, ContextHealth } from "../../src/context/context-backend.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { type RedisOptions, redis } from "../../src/host/context/redis.ts";
import { collect, until } from "../suites/context-case.ts";
import { hasRedis, type RedisServer, skipAllWithoutRedis, startRedis } from "./setup/redis-server.ts";
import { startProxy } from "./setup/tcp-proxy.ts";

skipAllWithoutRedis();

const UNAVAILABLE = { code: 500, kind: "storage_unavailable", retryable: true };

let server: RedisServer;
let opened = new AsyncDisposableStack();

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  if (hasRedis) server = opened.use(await startRedis());
});

afterEach(async () => {
  await opened.disposeAsync();
});

function open(options: RedisOptions = {}): ContextBackend {
  const place = options.url === undefined ? { url: server.url } : {};
  return opened.use(redis({ timeoutMs: 20_000, ...place, ...options }));
}

/** Adds one to a count; resolves with the count. */
const add = (backend: ContextBackend): Promise<number> =>
  backend.change(["count"], ([before]) => {
    const count = Number(before ?? 0) + 1;
    return { records: new Map([["count", String(count)]]), result: count };
  });

const set = (backend: ContextBackend, key: string, text: string): Promise<void> =>
  backend.change([key], () => ({ records: new Map([[key, text]]), result: undefined }));

/** The points between which a change may be cut: what passes on the connection that takes it, in this order. */
const CUTS = [
  ["what it reads is asked for", "request", 1],
  ["what it read comes back", "reply", 1],
  ["what it writes is sent", "request", 2],
  ["what it wrote is acknowledged", "reply", 2],
] as const;

describe("Redis is killed", () => {
  for (const [what, passage, number] of CUTS) {
    /** Has the server killed at this point of the next change. */
    async function openCut(timeoutMs: number): Promise<{ backend: ContextBackend; killed: Promise<void> }> {
      const proxy = opened.use(await startProxy(server.port));
      const backend = open({ url: `redis://127.0.0.1:${proxy.port}`, timeoutMs });
      await add(backend);
      const killed = Promise.withResolvers<void>();
      const passed = { request: 0, reply: 0 };
      let connection: object | undefined;
      proxy.watch = async (direction, text, through) => {
        if (connection === undefined && /evalsha/i.test(text)) connection = through;
        if (through !== connection) return true;
        passed[direction] += 1;
        if (direction !== passage || passed[direction] !== number) return true;
        proxy.watch = async () => true;
        await server.kill();
        killed.resolve();
        return false;
      };
      return { backend, killed: killed.promise };
    }

    test(`when ${what}, and starts again: the change is taken once, and the next one works within 5 s`, async () => {
      const { backend, killed } = await openCut(20_000);
      const changing = add(backend);
      await killed;
      await server.restart();
      const restartedAt = performance.now();
      expect(await changing).toBe(2);
      expect(await add(backend)).toBe(3);
      expect(performance.now() - restartedAt).toBeLessThan(5_000);
      expect(await open().read(["count"])).toEqual(["3"]);
    });

    test(`when ${what}, and stays away: the change is refused, or says that nobody knows`, async () => {
      const { backend, killed } = await openCut(1_000);
      const changing = add(backend).catch((error: unknown) => error);
      await killed;
      expect(await changing).toMatchObject(
        number === 2 ? { code: 500, kind: "storage_outcome_unknown" } : UNAVAILABLE,
      );
      await expect(backend.read(["count"])).rejects.toMatchObject(UNAVAILABLE);
      expect(backend.health).toMatchObject({ state: "degraded", reason: "storage_unavailable" });
      await server.restart();
      await until(() =>
        backend.read([]).then(() =>
          backend.read(["count"]).then(
            () => true,
            () => false,
          ),
        ),
      );
      expect(backend.health).toEqual({ state: "durable" });
      const [count] = await backend.read(["count"]);
      expect(count).toBe(what === "what it wrote is acknowledged" ? "2" : "1");
      expect(await add(backend)).toBe(Number(count) + 1);
    });
  }

  test("again and again while two hosts write: what was acknowledged is there, and no change was taken twice", async ({
    annotate,
  }) => {
    const hosts = [open(), open()];
    let isOver = false;
    let acknowledged = 0;
    const unknown: unknown[] = [];
    const lanes = [...hosts, ...hosts].map(async (host) => {
      while (!isOver) {
        try {
          await add(host);
          acknowledged += 1;
        } catch (error) {
          unknown.push(error);
        }
      }
    });
    for (let round = 0; round < 5; round += 1) {
      const before = acknowledged;
      await until(() => acknowledged > before + 20);
      await server.kill();
      await server.restart();
    }
    isOver = true;
    await Promise.all(lanes);
    await annotate(`${acknowledged} changes over 5 kills`);
    expect(unknown).toEqual([]);
    expect(await hosts[0]?.read(["count"])).toEqual([String(acknowledged)]);
  });
});

describe("Redis is away", () => {
  test("from the start: calls are refused in time, and it is found when it comes", async () => {
    await server.kill();
    const backend = open({ timeoutMs: 500 });
    const healths: ContextHealth[] = [];
    backend.onHealthChange((health) => healths.push(health));
    expect(backend.health).toMatchObject({ state: "volatile", reason: "opening" });
    const refusals = await Promise.allSettled(Array.from({ length: 50 }, () => add(backend)));
    for (const refusal of refusals)
      expect(refusal).toMatchObject({ status: "rejected", reason: UNAVAILABLE });
    await expect(collect(backend.keys(""))).rejects.toMatchObject(UNAVAILABLE);
    await server.restart();
    await until(() => add(backend).then(Boolean, () => false));
    expect(healths.map(({ state, reason }) => reason ?? state)).toEqual(["storage_unavailable", "durable"]);
  });

  test("what it says names neither the address nor the password", async () => {
    const backend = open({ url: "redis://:secret-password@127.0.0.1:1", timeoutMs: 200 });
    const error = await add(backend).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ ...UNAVAILABLE, message: "Redis can't be used now (ECONNREFUSED)." });
    expect(JSON.stringify([error, String(error), backend.health])).not.toMatch(/secret|127\.0\.0\.1/);
  });

  test("stopped as it is: calls end in time, and go on when it does", async () => {
    const backend = open({ timeoutMs: 500 });
    expect(await add(backend)).toBe(1);
    server.signal("SIGSTOP");
    const startedAt = performance.now();
    const refused = await Promise.allSettled([add(backend), backend.read(["count"]), add(backend)]);
    expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await expect(backend.read(["count"])).rejects.toMatchObject(UNAVAILABLE);
    server.signal("SIGCONT");
    await until(() => backend.read(["count"]).then(Boolean, () => false));
    const [count] = await backend.read(["count"]);
    expect(await add(backend)).toBe(Number(count) + 1);
    expect(backend.health).toEqual({ state: "durable" });
  });

  test("closing does not wait for it for long, and refuses what comes later", async () => {
    await server.kill();
    const backend = open({ timeoutMs: 300 });
    const adding = add(backend).catch((error: unknown) => error);
    await backend[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
    expect(await adding).toMatchObject(UNAVAILABLE);
    await expect(add(backend)).rejects.toMatchObject({ code: 500, kind: "closed" });
    await expect(backend.read(["x"])).rejects.toMatchObject({ code: 500, kind: "closed" });
  });
});

describe("Redis refuses", () => {
  test("a wrong password, a missing one: a clear error at once, and no change of memory", async () => {
    const closed = opened.use(await startRedis(["--requirepass", "right"]));
    for (const [url, name] of [
      [`redis://:wrong@127.0.0.1:${closed.port}`, "WRONGPASS"],
      [closed.url, "NOAUTH"],
    ] as const) {
      const backend = open({ url });
      const startedAt = performance.now();
      await expect(add(backend)).rejects.toMatchObject({
        ...UNAVAILABLE,
        message: `Redis can't be used now (${name}).`,
        hint: expect.stringContaining("password"),
      });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    }
    const right = open({ url: closed.url, password: "right" });
    expect(await add(right)).toBe(1);
  });

  test("a user who may do half of a step may do none", async () => {
    const rights = ["~{mcp-optimizer}:*", "&{mcp-optimizer}:*", "+@all", "-publish", "-zadd"];
    await server.ask("ACL", "SETUSER", "half", "on", ">pass", ...rights);
    const backend = open({ username: "half", password: "pass" });
    await expect(add(backend)).rejects.toMatchObject({
      code: 500,
      kind: "storage_failed",
      message: "Redis lets this user not do what is needed: ZADD, PUBLISH.",
    });
    expect(await server.ask("DBSIZE")).toBe(":0");
  });

  test("a user with the rights that the README names may do everything, under its prefix alone", async () => {
    const readme = await readFile(path.resolve(import.meta.dirname, "../../README.md"), "utf8");
    const [, rights = ""] = /^(-@all .*)$/m.exec(readme) ?? [];
    const places = ["~{mcp-optimizer}:*", "&{mcp-optimizer}:*"];
    await server.ask("ACL", "SETUSER", "whole", "on", ">pass", ...places, ...rights.split(" "));
    const backend = open({ username: "whole", password: "pass" });
    expect(await add(backend)).toBe(1);
    await backend.change([], () => ({ records: new Map([["count", undefined]]), result: undefined }));
    await backend.lead?.(() => set(backend, "x", "1"), new AbortController().signal);
    expect(await collect(backend.keys(""))).toEqual(["x"]);
    const other = open({ username: "whole", password: "pass", prefix: "other" });
    await expect(add(other)).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: "Redis can't be used now (NOPERM).",
      hint: expect.stringContaining("what the user may do"),
    });
  });

  test("a server that forgets what it likes when it is full is not used", async () => {
    await server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    const backend = open();
    await expect(add(backend)).rejects.toMatchObject({
      code: 500,
      kind: "storage_failed",
      message: expect.stringContaining("allkeys-lru"),
      hint: expect.stringContaining("noeviction"),
    });
    expect(backend.health).toMatchObject({ state: "degraded", reason: "storage_failed" });
    await server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
    expect(await add(backend)).toBe(1);
    expect(backend.health).toEqual({ state: "durable" });
  });

  test("a server that keeps nothing on disk is used, and health says so", async () => {
    await server.ask("CONFIG", "SET", "appendonly", "no");
    const backend = open();
    expect(await add(backend)).toBe(1);
    expect(backend.health).toMatchObject({ state: "volatile", reason: "not_persistent" });
  });

  test("full: what grows is refused with 429 and leaves nothing behind, what shrinks is kept", async () => {
    const backend = open();
    const store = createContextStore(backend);
    const context = store.open({ session: "s" });
    await context.set("old", "1".repeat(100_000));
    await server.ask("CONFIG", "SET", "maxmemory", "1");
    const full = { code: 429, kind: "storage_full", hint: expect.stringContaining("maxmemory") };
    await expect(context.set("new", "2")).rejects.toMatchObject(full);
    await expect(Promise.all([context.set("a", "2"), context.set("b", "2")])).rejects.toMatchObject(full);
    expect(backend.health).toMatchObject({ state: "degraded", reason: "storage_full" });
    expect(await context.keys()).toEqual(["old"]);
    expect((await collect(backend.keys("1/value/"))).length).toBe(1);
    expect(await context.delete("old")).toBe(true);
    await server.ask("CONFIG", "SET", "maxmemory", "0");
    await context.set("new", "2");
    expect(backend.health).toEqual({ state: "durable" });
    expect(await backend.read(["1/totals"])).toEqual(['{"format":1,"bytes":4,"sessions":1}']);
  });

  test("a replica: changes wait for a master, and are refused when none comes", async () => {
    const backend = open({ timeoutMs: 1_000 });
    await add(backend);
    await server.ask("REPLICAOF", "127.0.0.1", "1");
    await expect(add(backend)).rejects.toMatchObject(UNAVAILABLE);
    await server.ask("REPLICAOF", "NO", "ONE");
    await until(() => add(backend).then(Boolean, () => false));
    expect(await backend.read(["count"])).toEqual(["2"]);
  });
});

test("a server that was emptied is an empty one: sessions are unknown, and everything works", async () => {
  const backend = open({ leaseMs: 300 });
  const store = createContextStore(backend);
  const context = store.open({ session: "s" }, { mustExist: true });
  await store.open({ session: "s" }).set("x", "1");
  await context.set("y", "1");
  const said: string[] = [];
  const closing = new AbortController();
  const working = backend.lead?.(async (leading) => {
    said.push("leads");
    if (said.length > 1) return;
    await server.ask("FLUSHALL");
    await expect(set(backend, "late", "1")).rejects.toMatchObject({ kind: "not_leading" });
    await pause(60_000, leading);
  }, closing.signal);
  await working;
  expect(said).toEqual(["leads", "leads"]);
  await server.ask("SCRIPT", "FLUSH");
  await expect(context.set("x", "1")).rejects.toMatchObject({ kind: "unknown_session" });
  expect(await collect(backend.keys(""))).toEqual([]);
  await store.open({ session: "s" }).set("x", "2");
  expect(await backend.read(["1/totals"])).toEqual(['{"format":1,"bytes":2,"sessions":1}']);
});
