import { expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

/** Engines over one store, as tabs and reloads have them. */
function shop() {
  const calls: (readonly [string, JsonObject])[] = [];
  const backend = memory();
  const store = createContextStore(backend);
  const open = async (): Promise<Engine> => {
    const source = fakeSource("shop", [{ name: "list" }, { name: "buy" }], {
      call: async (name, args) => {
        calls.push([name, args]);
        return { content: [], structuredContent: [{ price: 3 }, { price: 9 }] };
      },
    });
    const engine = openEngine({
      catalog: createCatalog([source]),
      context: createContextStore(backend),
    });
    await engine.skills.loaded;
    return engine;
  };
  return { calls, store, open };
}

const CODE =
  "const rows = await tools.shop.list({}); if (params.buy) await tools.shop.buy({}); return rows.filter((row) => row.price < (params.below ?? 5)).length";

const PARAMS = { type: "object", properties: { below: { type: "number" }, buy: { type: "boolean" } } };

async function save(engine: Engine, name = "cheap_ones"): Promise<void> {
  const { runId } = await engine.runner.run({ language: "javascript", code: CODE });
  await engine.skills.save(runId, { name, description: "Counts what is cheap.", params: PARAMS });
}

test("a program that worked becomes an intent, here and after a reload", async () => {
  const { open } = shop();
  const first = await open();
  await save(first);
  for (const engine of [first, await open()]) {
    expect(engine.registry.intents.get("cheap_ones")).toEqual({
      name: "cheap_ones",
      description: "Counts what is cheap.",
      kind: "skill",
      params: PARAMS,
      program: true,
    });
    expect(await engine.router.execute("cheap_ones", { below: 100 })).toMatchObject({
      status: "returned",
      value: 2,
      route: { way: "code" },
    });
    expect(engine.registry.search("cheap", 3).map(({ ref }) => ref)).toEqual(["cheap_ones"]);
    expect(engine.registry.search("weather", 3)).toEqual([]);
  }
});

test("it may call the tools that it called when it was saved, and no others", async () => {
  const { open, calls } = shop();
  const engine = await open();
  await save(engine);
  calls.length = 0;
  expect(await engine.router.execute("cheap_ones", { buy: true })).toMatchObject({
    status: "threw",
    error: { kind: "forbidden", code: 403, message: "The program may not call shop.buy." },
  });
  expect(calls.map(([name]) => name)).toEqual(["list"]);
});

test("another tab learns of it, and that it was deleted", async () => {
  const { open } = shop();
  const one = await open();
  const other = await open();
  await save(one);
  await expect.poll(() => other.registry.intents.get("cheap_ones")).toMatchObject({ kind: "skill" });
  expect(await one.skills.remove("cheap_ones")).toBe(true);
  expect(await one.skills.remove("cheap_ones")).toBe(false);
  expect(one.registry.intents.get("cheap_ones")).toBeUndefined();
  await expect.poll(() => other.registry.intents.get("cheap_ones")).toBeUndefined();
});

test("only a run that returned can be saved, under a name that is free and makes sense", async () => {
  const { open } = shop();
  const engine = await open();
  await save(engine);
  const good = await engine.runner.run({ code: "return 1" });
  const bad = await engine.runner.run({ code: "throw new Error('no')" });
  const refusals: unknown[] = [];
  for (const [runId, name] of [
    ["nothing", "x"],
    [bad.runId, "x"],
    [good.runId, "cheap_ones"],
    [good.runId, "shop.list"],
  ] as const) {
    const refusal = await engine.skills.save(runId, { name }).then(
      () => "saved",
      (error: unknown) => error,
    );
    refusals.push([Reflect.get(Object(refusal), "code"), Reflect.get(Object(refusal), "kind")]);
  }
  expect(refusals).toEqual([
    [400, "unknown_run"],
    [400, "unknown_run"],
    [400, "intent_exists"],
    [400, "invalid_intent"],
  ]);
});

test("what was stored by somebody else is read as outside data", async () => {
  const { open, store } = shop();
  const area = store.open({ session: "\u0000shared", area: "skills" });
  await area.set("not_json", "{");
  await area.set("other_name", JSON.stringify({ name: "x", description: "x", program: { code: "1" } }));
  await area.set(
    "no_tools",
    JSON.stringify({ name: "no_tools", description: "x", program: { language: "javascript", code: "1" } }),
  );
  const kept = { name: "kept", description: "x", program: { language: "javascript", code: "1" }, tools: [5] };
  await area.set("kept", JSON.stringify(kept));
  const { registry } = await open();
  expect(registry.intents.list().map(({ name }) => name)).toEqual(["kept", "shop.list", "shop.buy"]);
});
