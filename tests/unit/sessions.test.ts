import { describe, expect, test } from "vitest";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { RunRecord } from "../../src/sessions/run-log.ts";
import { SHARED_SESSION } from "../../src/sessions/session-names.ts";
import { createSessionKeeper } from "../../src/sessions/sessions.ts";

/** Sessions over a store, with a clock that stands still. */
function open({ backend = memory(), tenant }: { backend?: ReturnType<typeof memory>; tenant?: string } = {}) {
  let time = 1_000_000;
  const now = (): number => time;
  const store = createContextStore(backend, { now });
  const keeper = createSessionKeeper({ store, tenant, now, logDelayMs: 0 });
  return {
    backend,
    store,
    keeper,
    sessions: keeper.sessions,
    now,
    pass(ms: number) {
      time += ms;
    },
    context: (session: string) =>
      store.open({ session, ...(tenant === undefined ? {} : { tenant }) }, { mustExist: true }),
  };
}

const run = (runId: string, more: Partial<RunRecord> = {}): RunRecord => ({
  runId,
  at: 1_000_000,
  kind: "typescript",
  status: "returned",
  durationMs: 10,
  tokens: 3,
  tools: [{ name: "box.read", calls: 2, errors: 1, cached: 1 }],
  waiting: 0,
  approvals: 0,
  denials: 0,
  ...more,
});

const UNKNOWN = { code: 400, kind: "unknown_session" };

describe("a created session", () => {
  test("has an id, its metadata, and a time to live that its use moves on", async () => {
    const { sessions, pass, now } = open();
    const made = await sessions.create({ ttlMs: 1_000, metadata: { user: "ann", tags: ["x"] } });
    expect(made).toEqual({
      id: expect.stringMatching(/^ses_[0-9a-f-]{36}$/),
      createdAt: now(),
      ttlMs: 1_000,
      expiresAt: now() + 1_000,
      keepGlobals: false,
      metadata: { user: "ann", tags: ["x"] },
    });
    expect(await sessions.get(made.id)).toEqual(made);
    pass(600);
    expect(await sessions.touch(made.id)).toEqual({ ...made, expiresAt: now() + 1_000 });
    pass(999);
    expect(await sessions.get(made.id)).toMatchObject({ id: made.id });
    pass(1);
    expect(await sessions.get(made.id)).toBeUndefined();
    await expect(sessions.touch(made.id)).rejects.toMatchObject(UNKNOWN);
  });

  test("stays without a time to live, also after a reload", async () => {
    const { backend, sessions } = open();
    const made = await sessions.create();
    expect(made).toEqual({ id: made.id, createdAt: 1_000_000, keepGlobals: false, metadata: {} });
    const other = open({ backend });
    other.pass(10 ** 12);
    expect(await other.sessions.list()).toEqual([made]);
  });

  test("is listed with the others, the oldest first; plain names and other tenants' are not", async () => {
    const { backend, sessions, pass, context, store } = open();
    const one = await sessions.create();
    pass(1);
    const two = await sessions.create({ ttlMs: 50 });
    await store.open({ session: "default" }).set("x", "1");
    await open({ backend, tenant: "other" }).sessions.create();
    expect((await sessions.list()).map(({ id }) => id)).toEqual([one.id, two.id]);
    await context(one.id).set("x", "1");
    pass(50);
    expect(await sessions.list()).toEqual([one]);
  });

  test("is not ended by its time while a run of it goes on, and by its time after that", async () => {
    const { sessions, keeper, pass, now, context } = open();
    const { id } = await sessions.create({ ttlMs: 100 });
    await keeper.enter(id, 5_000);
    pass(4_000);
    await context(id).set("x", "1");
    keeper.note(id, run("a"));
    keeper.leave(id);
    await sessions.log(id);
    expect(await sessions.get(id)).toMatchObject({ expiresAt: now() + 100 });
    pass(100);
    await expect(keeper.enter(id, 5_000)).rejects.toMatchObject(UNKNOWN);
  });

  test("is begun by nothing once it is gone, in whatever tab", async () => {
    const { backend, sessions, keeper, store, context, pass } = open();
    const other = open({ backend });
    for (const end of ["close", "expire"]) {
      const { id } = await sessions.create({ ttlMs: 100 });
      await context(id).set("x", "1");
      if (end === "close") await other.sessions.close(id);
      else pass(100);
      const area = context(id);
      for (const write of [
        () => area.set("x", "2"),
        () => area.update("x", () => "2"),
        () => area.delete("x"),
        () => area.touch(),
        () => area.setExpiry(undefined),
        () => keeper.enter(id, 10),
      ])
        await expect(write()).rejects.toMatchObject(UNKNOWN);
      keeper.note(id, run("late"));
      expect(await sessions.log(id)).toMatchObject({ runs: [] });
      await store.collect();
      for await (const key of backend.keys("")) expect(key).not.toContain(`/${id}/`);
      for await (const key of backend.keys("1/index/")) expect(key).not.toContain(id);
    }
  });

  test.for<readonly [what: string, options: object, error: object]>([
    ["a time that is none", { ttlMs: 0 }, { code: 400, kind: "invalid_options" }],
    ["a time without end", { ttlMs: Number.POSITIVE_INFINITY }, { code: 400, kind: "invalid_options" }],
    ["metadata that JSON can't hold", { metadata: { n: 1n } }, { code: 400, kind: "invalid_options" }],
    ["metadata that is no object", { metadata: [1] }, { code: 400, kind: "invalid_options" }],
    ["much metadata", { metadata: { text: "x".repeat(17_000) } }, { code: 400, kind: "invalid_options" }],
    ["globals that are half kept", { keepGlobals: 1 }, { code: 400, kind: "invalid_options" }],
    ["another tenant", { tenant: "b" }, { code: 403, kind: "other_tenant" }],
  ])("is not created with %s", async ([, options, error]) => {
    const { sessions } = open({ tenant: "a" });
    await expect(Reflect.apply(sessions.create, sessions, [options])).rejects.toMatchObject(error);
    expect(await sessions.create({ tenant: "a" })).toMatchObject({ metadata: {} });
  });
});

describe("what the runs of a session did", () => {
  test("is summed, and the last ones are kept each", async () => {
    const { sessions, keeper } = open();
    const { id } = await sessions.create();
    keeper.note(id, run("a", { status: "suspended", waiting: 1 }));
    keeper.note(id, run("a", { resumed: true, status: "threw", code: 500 }));
    keeper.note("default", run("b"));
    expect(await sessions.log(id)).toEqual({
      totals: { runs: 1, errors: 1, toolCalls: 4, tokens: 6, durationMs: 20 },
      runs: [
        run("a", { status: "suspended", waiting: 1 }),
        run("a", { resumed: true, status: "threw", code: 500 }),
      ],
    });
    expect((await sessions.log("default")).runs).toEqual([run("b")]);
    for (let n = 0; n < 300; n += 1) keeper.note(id, run(`r${n}`));
    await sessions.log(id);
    for (let n = 300; n < 310; n += 1) keeper.note(id, run(`r${n}`));
    const { runs } = await sessions.log(id);
    expect([runs.length, runs.at(-1)?.runId]).toEqual([200, "r309"]);
  });

  test("is written behind the runs, and at the latest when all is closed", async () => {
    const { backend, store, keeper } = open();
    await keeper.enter("default", 10);
    keeper.note("default", run("a"));
    keeper.leave("default");
    expect(await store.open({ session: "default", area: "audit" }).keys()).toEqual([]);
    await keeper[Symbol.asyncDispose]();
    expect((await open({ backend }).sessions.log("default")).runs).toEqual([run("a")]);
  });

  test("waits where the store fails, and is lost with none of its sums", async () => {
    const backend = memory();
    let failing = true;
    const { sessions, keeper } = open({
      backend: {
        ...backend,
        change: (...args) => (failing ? Promise.reject(new Error("away")) : backend.change(...args)),
      },
    });
    keeper.note("default", run("a"));
    expect((await sessions.log("default")).runs).toEqual([]);
    failing = false;
    keeper.note("default", run("b"));
    expect((await sessions.log("default")).runs.map(({ runId }) => runId)).toEqual(["a", "b"]);
  });

  test.for([
    "no JSON",
    '{"format":9}',
    '{"format":1,"totals":{"runs":-1,"tokens":"x"},"runs":[null,{"runId":1}]}',
  ])("is begun anew where it can't be read: %s", async (stored) => {
    const { sessions, keeper, store } = open();
    await store.open({ session: "default", area: "audit" }).set("runs", stored);
    keeper.note("default", run("a"));
    expect(await sessions.log("default")).toMatchObject({ totals: { runs: 1, tokens: 3 }, runs: [run("a")] });
  });
});

describe("the end of a session", () => {
  test("closed: its log goes to the archive, and everything else is gone", async () => {
    const { backend, sessions, keeper, store, context, pass, now } = open();
    const { id, createdAt } = await sessions.create({ metadata: { user: "ann" } });
    await context(id).set("secret", '"of ann"');
    await store.open({ session: id, area: "suspended" }).set("t", "{}");
    keeper.note(id, run("a"));
    pass(10);
    const closed = await sessions.close(id);
    expect(closed).toEqual({
      id,
      createdAt,
      endedAt: now(),
      end: "closed",
      metadata: { user: "ann" },
      totals: { runs: 1, errors: 0, toolCalls: 2, tokens: 3, durationMs: 10 },
      runs: [run("a")],
    });
    expect(await sessions.archive()).toEqual([closed]);
    expect(await open({ backend }).sessions.archive()).toEqual([closed]);
    for await (const key of backend.keys(""))
      if (key.includes(id)) expect(key).toBe(`1/value//${SHARED_SESSION}/archive/${id}`);
    await expect(sessions.close(id)).rejects.toMatchObject(UNKNOWN);
  });

  test("of a plain name: it begins anew with its next use", async () => {
    const { sessions, store } = open();
    await expect(sessions.close("default")).rejects.toMatchObject(UNKNOWN);
    await store.open({ session: "default" }).set("x", "1");
    expect(await sessions.close("default")).toMatchObject({ id: "default", metadata: {}, runs: [] });
    expect(await store.open({ session: "default" }).get("x")).toBeUndefined();
    await store.open({ session: "default" }).set("x", "2");
    expect(await sessions.get("default")).toBeUndefined();
  });

  test("expired: collected once its time is over, into the archive of its tenant", async () => {
    const { backend, sessions, keeper, pass, now } = open({ tenant: "a" });
    const { id } = await sessions.create({ ttlMs: 100, metadata: { user: "ann" } });
    keeper.note(id, run("a"));
    await keeper.collect();
    expect(await sessions.archive()).toEqual([]);
    pass(100);
    // Another tenant's page may be the one that collects.
    const other = open({ backend, tenant: "b" });
    other.pass(100);
    await other.keeper.collect();
    expect(await other.sessions.archive()).toEqual([]);
    expect(await sessions.archive()).toMatchObject([
      { id, end: "expired", endedAt: now(), metadata: { user: "ann" }, runs: [run("a")] },
    ]);
    for await (const key of backend.keys("1/index/")) expect(key).not.toContain(id);
  });

  test("leaves a bounded archive, the oldest of which go first", async () => {
    const { sessions, keeper } = open();
    const ids: string[] = [];
    for (let n = 0; n < 104; n += 1) {
      const { id } = await sessions.create();
      ids.push(id);
      await sessions.close(id);
    }
    expect((await sessions.archive()).map(({ id }) => id)).toEqual(ids.slice(4));
    // Long logs count by their size.
    const tools = Array.from({ length: 100 }, (_, n) => ({
      name: `server.${"x".repeat(150)}${n}`,
      calls: 1,
      errors: 0,
      cached: 0,
    }));
    const { id } = await sessions.create();
    for (let n = 0; n < 90; n += 1) keeper.note(id, run(`r${n}`, { tools }));
    await sessions.close(id);
    const left = await sessions.archive();
    expect(left.at(-1)?.id).toBe(id);
    expect(JSON.stringify(left).length).toBeLessThan(2.2 * 1024 * 1024);
  });

  test("also of one that can't be read", async () => {
    const { backend, sessions, context } = open();
    const { id } = await sessions.create();
    await context(id).set("x", "1");
    await backend.change([], () => ({
      records: new Map([[`1/value//${id}/context/x`, "another"]]),
      result: undefined,
    }));
    expect(await sessions.close(id)).toMatchObject({ id, end: "closed" });
    expect(await sessions.get(id)).toBeUndefined();
  });
});

test.for([undefined, "", SHARED_SESSION, 5])("%j names no session", async (name) => {
  const { sessions } = open();
  const refused = { code: 400, kind: "invalid_request" };
  if (name !== undefined) await expect(sessions.get(name as string)).rejects.toMatchObject(refused);
  if (name !== undefined) await expect(sessions.close(name as string)).rejects.toMatchObject(refused);
  if (name !== undefined) await expect(sessions.export(name as string)).rejects.toMatchObject(refused);
});
