import { describe, expect, test } from "vitest";
import { indexedDb } from "../../src/context/browser/indexed-db.ts";
import { leadTabs } from "../../src/context/browser/tab-leader.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { createOptimizer } from "../../src/create-optimizer.ts";
import { startCollector } from "../../src/sessions/collector.ts";
import { createSessionKeeper } from "../../src/sessions/sessions.ts";
import { until } from "../suites/context-case.ts";
import { OpenedParts } from "../suites/opened-parts.ts";

let made = 0;
const nextName = (): string => {
  made += 1;
  return `sessions-${performance.timeOrigin}-${made}`;
};

/** A tab: a connection of its own, which counts how often it collects. */
function openTab(name: string) {
  const opened = new OpenedParts();
  const backend = opened.use(indexedDb({ name }));
  const store = opened.use(createContextStore(backend));
  const keeper = opened.use(createSessionKeeper({ store, tenant: undefined }));
  const tab = { collected: 0 };
  const collector = opened.use(
    startCollector({
      async collect() {
        tab.collected += 1;
        await keeper.collect();
      },
      backend,
      everyMs: 20,
    }),
  );
  return {
    tab,
    keeper,
    collector,
    sessions: keeper.sessions,
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

describe("tabs that share a database", () => {
  test("have one that collects; another one takes over when it closes", async () => {
    const name = nextName();
    await using first = openTab(name);
    await until(() => first.tab.collected > 2);
    await using second = openTab(name);
    const { id } = await second.sessions.create({ ttlMs: 1, metadata: { of: "second" } });
    await until(async () => (await second.sessions.archive()).length > 0);
    expect(await second.sessions.archive()).toMatchObject([
      { id, end: "expired", metadata: { of: "second" } },
    ]);
    expect(second.tab.collected).toBe(0);
    await first.collector[Symbol.asyncDispose]();
    await until(() => second.tab.collected > 2);
  });

  test("of another database have their own", async () => {
    await using first = openTab(nextName());
    await using second = openTab(nextName());
    await until(() => first.tab.collected > 1 && second.tab.collected > 1);
  });

  test("a tab that waits for its turn can be closed", async () => {
    const name = nextName();
    await using first = openTab(name);
    await until(() => first.tab.collected > 0);
    const second = openTab(name);
    await second[Symbol.asyncDispose]();
    expect(second.tab.collected).toBe(0);
  });

  test("without locks every tab does it", async () => {
    let done = 0;
    const work = async (): Promise<void> => {
      done += 1;
    };
    const { signal } = new AbortController();
    await Promise.all([leadTabs(undefined, "x", work, signal), leadTabs(undefined, "x", work, signal)]);
    expect(done).toBe(2);
  });
});

test("a session goes on after a reload, and ends for every tab at once", async () => {
  const context = { name: nextName() };
  const tools = { ping: { call: () => "pong" } };
  const open = () => createOptimizer({ tools, context: indexedDb(context) });
  const before = await open();
  const session = await before.sessions.create({ ttlMs: 600_000, metadata: { user: "ann" } });
  const write = "await context.set('n', 41); return await tools.page.ping()";
  await before.run({ code: write }, { session: session.id });
  await before[Symbol.asyncDispose]();

  await using after = await open();
  await using other = await open();
  expect(await after.sessions.list()).toMatchObject([{ id: session.id, metadata: { user: "ann" } }]);
  const code = "return (await context.get('n')) + 1";
  expect(await after.run({ code }, { session: session.id })).toMatchObject({ value: 42 });
  expect(await after.sessions.log(session.id)).toMatchObject({
    totals: { runs: 2, toolCalls: 1 },
    runs: [{ tools: [{ name: "page.ping" }] }, { status: "returned" }],
  });
  const file = await after.sessions.export(session.id);
  await other.sessions.close(session.id);
  await expect(after.run({ code }, { session: session.id })).rejects.toMatchObject({
    code: 400,
    kind: "unknown_session",
  });
  expect(await after.tool.execute({ code }, { session: session.id })).toMatchObject({
    status: "threw",
    error: { code: 400, kind: "unknown_session" },
  });
  expect(await after.sessions.archive()).toMatchObject([{ id: session.id, end: "closed", runs: [{}, {}] }]);
  await after.sessions.import(file);
  expect(await other.run({ code }, { session: session.id })).toMatchObject({ value: 42 });
});
