import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContextBackend } from "../../src/context/context-backend.ts";
import { type RedisOptions, redis } from "../../src/host/context/redis.ts";
import { collect, until } from "../suites/context-case.ts";
import { contextStoreSuite } from "../suites/context-store-suite.ts";
import { type RedisCluster, startCluster } from "./setup/redis-cluster.ts";
import { startReplicas } from "./setup/redis-replicas.ts";
import { hasRedis, type RedisServer, skipAllWithoutRedis, startRedis } from "./setup/redis-server.ts";

skipAllWithoutRedis();

/** The suite over backends that `connect` says how to reach: each case has a prefix of its own. */
function suite(name: string, connect: () => RedisOptions): void {
  const prefixes = new WeakMap<ContextBackend, string>();
  const open = (prefix: string): ContextBackend => {
    const backend = redis({ ...connect(), prefix, timeoutMs: 20_000 });
    prefixes.set(backend, prefix);
    return backend;
  };
  let made = 0;
  contextStoreSuite(name, {
    createBackend: () => {
      made += 1;
      return open(`suite-${made}`);
    },
    reopen: (backend) => open(prefixes.get(backend) ?? ""),
  });
}

const set = (backend: ContextBackend, key: string, text: string): Promise<void> =>
  backend.change([key], () => ({ records: new Map([[key, text]]), result: undefined }));

describe("one server", () => {
  let server: RedisServer;
  beforeAll(async () => {
    if (hasRedis) server = await startRedis();
  });
  afterAll(async () => {
    if (hasRedis) await server[Symbol.asyncDispose]();
  });

  suite("redis()", () => ({ url: server.url }));

  test("a client that is handed in is used, and stays open", async () => {
    const { Redis } = await import("ioredis");
    const client = new Redis(server.url);
    const prefix = "handed-in";
    {
      await using one = redis({ client, prefix });
      await using two = redis({ client, prefix: "another" });
      await set(one, "x", "1");
      expect(await Promise.all([one.read(["x"]), two.read(["x"])])).toEqual([["1"], [undefined]]);
      expect(one.health).toEqual({ state: "durable" });
    }
    expect(await client.ping()).toBe("PONG");
    expect(await client.keys(`{${prefix}}:record:*`)).toEqual([`{${prefix}}:record:x`]);
    client.disconnect();
  });

  test.for<RedisOptions>([
    {},
    { url: "redis://127.0.0.1", cluster: [{ host: "127.0.0.1", port: 1 }] },
    { url: "redis://127.0.0.1", prefix: "a{b}" },
    { url: "redis://127.0.0.1", prefix: "" },
    { url: "redis://127.0.0.1", timeoutMs: 0 },
    { url: "redis://127.0.0.1", leaseMs: Number.NaN },
    { url: "redis://127.0.0.1", maxSessions: 0 },
  ])("options that make no sense are refused: %j", (options) => {
    expect(() => redis(options)).toThrow(expect.objectContaining({ code: 400, kind: "invalid_options" }));
  });
});

describe("a Cluster of three masters", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    if (hasRedis) cluster = await startCluster();
  });
  afterAll(async () => {
    if (hasRedis) await cluster[Symbol.asyncDispose]();
  });

  suite("redis() in a Cluster", () => ({ cluster: cluster.nodes.slice(0, 1) }));

  test("all that begins with one prefix is in one slot, and prefixes spread over the masters", async () => {
    const used = new Set<number>();
    for (let at = 0; at < 12; at += 1) {
      await using backend = redis({ cluster: cluster.nodes, prefix: `spread-${at}` });
      const records = new Map(Array.from({ length: 50 }, (_, number) => [`key-${number}`, "1"]));
      await backend.change([], () => ({ records, result: undefined }));
      const found = await Promise.all(
        cluster.servers.map((server) => server.ask("EXISTS", `{spread-${at}}:record:key-1`)),
      );
      // Whoever has no such slot says where it is.
      expect(found.filter((reply) => reply === ":1")).toHaveLength(1);
      used.add(found.indexOf(":1"));
      expect((await collect(backend.keys("key-"))).length).toBe(50);
    }
    expect(used.size).toBeGreaterThan(1);
  });

  test("a slot that moves to another master takes its sessions along, while they are written", async () => {
    await using backend = redis({ cluster: cluster.nodes, prefix: "moving", timeoutMs: 20_000 });
    await set(backend, "count", "0");
    let acknowledged = 0;
    let isMoved = false;
    const moving = cluster.moveSlotOf("{moving}:record:count").finally(() => {
      isMoved = true;
    });
    while (!isMoved || acknowledged < 20) {
      await backend.change(["count"], ([count]) => ({
        records: new Map([["count", String(Number(count) + 1)]]),
        result: undefined,
      }));
      acknowledged += 1;
    }
    await moving;
    expect(await backend.read(["count"])).toEqual([String(acknowledged)]);
    expect(await collect(backend.keys(""))).toEqual(["count"]);
  });

  test("a master that is away fails its own prefixes alone", async () => {
    const prefixes = ["away-1", "away-2", "away-3", "away-4", "away-5", "away-6"];
    const backends = prefixes.map((prefix) => redis({ cluster: cluster.nodes, prefix, timeoutMs: 3_000 }));
    for (const backend of backends) await set(backend, "x", "1");
    const [first] = cluster.servers;
    if (first === undefined) expect.fail();
    const isOfFirst = await Promise.all(
      prefixes.map(async (prefix) => (await first.ask("EXISTS", `{${prefix}}:record:x`)) === ":1"),
    );
    expect(new Set(isOfFirst)).toEqual(new Set([true, false]));
    await first.kill();
    const outcomes = await Promise.allSettled(backends.map((backend) => set(backend, "x", "2")));
    for (const [at, outcome] of outcomes.entries()) {
      const refused = {
        status: "rejected",
        reason: { code: 500, kind: expect.stringMatching(/^storage_(unavailable|outcome_unknown)$/) },
      };
      expect(outcome).toMatchObject(isOfFirst[at] === true ? refused : { status: "fulfilled" });
    }
    await first.restart();
    await until(async () =>
      (await Promise.allSettled(backends.map((backend) => set(backend, "x", "3")))).every(
        ({ status }) => status === "fulfilled",
      ),
    );
    for (const backend of backends) {
      expect(await backend.read(["x"])).toEqual(["3"]);
      await backend[Symbol.asyncDispose]();
    }
  });
});

describe("a master that its Sentinel names", () => {
  test("is followed to the one that takes over, with what was kept", async () => {
    await using group = await startReplicas();
    await using backend = redis({ sentinel: group.sentinel, timeoutMs: 20_000 });
    await set(backend, "x", "1");
    await group.untilCopied();
    await group.failOver();
    await set(backend, "y", "2");
    expect(await backend.read(["x", "y"])).toEqual(["1", "2"]);
    expect(await group.replica.ask("EXISTS", "{mcp-optimizer}:record:y")).toBe(":1");
    expect(backend.health).toEqual({ state: "durable" });
  });
});
