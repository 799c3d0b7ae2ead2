import { describe, expect, test } from "vitest";
import { z } from "zod";
import { OptimizerError } from "../../src/base/errors.ts";
import type { JsonObject } from "../../src/base/json.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Flags } from "../../src/engine/flags.ts";
import { defineIntent, type IntentDefinition } from "../../src/engine/intent.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import type { ToolAnnotations, ToolDefinition, ToolResult } from "../../src/tools/tool.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const text = (value: unknown): ToolResult => ({ content: [{ type: "text", text: JSON.stringify(value) }] });

/** As the engine of these tests counts. */
const tokensOf = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);

interface Shop {
  readonly engine: Engine;
  /** Names of the tools that were called, with their arguments. */
  readonly calls: (readonly [name: string, args: JsonObject])[];
  readonly go: (intent: string, params?: JsonObject) => Promise<Record<string, unknown>>;
}

/** An engine over one server with the given tools, in a real VM. `fail` decides what the nth call of a tool does. */
function shop(
  intents: readonly IntentDefinition[],
  options: {
    readonly flags?: Partial<Flags>;
    readonly annotations?: ToolAnnotations;
    readonly answer?: (name: string, args: JsonObject, nth: number) => ToolResult | Error;
  } = {},
): Shop {
  const { annotations, answer = (_, args) => text(args) } = options;
  const calls: (readonly [string, JsonObject])[] = [];
  const definition = (name: string): ToolDefinition => ({
    name,
    inputSchema: { type: "object", properties: { n: { type: "number" } } },
    ...(annotations === undefined ? {} : { annotations }),
  });
  const source = fakeSource("shop", [definition("get"), definition("list")], {
    call: async (name, args) => {
      calls.push([name, args]);
      const result = answer(name, args, calls.filter(([called]) => called === name).length);
      if (result instanceof Error) throw result;
      return result;
    },
  });
  const engine = openEngine({
    catalog: createCatalog([source]),
    flags: options.flags ?? {},
    // Each call counts.
    cache: { ttlMs: 0 },
    intents,
  });
  return {
    engine,
    calls,
    go: async (intent, params = {}) => {
      const { status, route, ...rest } = await engine.router.execute(intent, params);
      const value = "value" in rest ? { value: rest.value } : {};
      const error = "error" in rest ? { error: rest.error } : {};
      return { status, route, ...value, ...error };
    },
  };
}

const both: IntentDefinition = {
  name: "get_it",
  description: "Gets it.",
  params: { type: "object", properties: { id: { type: "number" } }, required: ["id"] },
  tool: { ref: "shop.get", args: ({ id = null }) => ({ n: id }) },
  program: { code: "return { n: params.id };" },
};

describe("an intent", () => {
  test.each<readonly [what: string, intent: unknown, error: object]>([
    ["without a name", { description: "x", tool: "shop.get" }, { kind: "invalid_intent" }],
    ["with a dot in its name", { ...both, name: "shop.get" }, { kind: "invalid_intent" }],
    ["without a description", { ...both, description: "" }, { kind: "invalid_intent" }],
    ["that does nothing", { name: "a", description: "x" }, { kind: "invalid_intent" }],
    ["whose program has no code", { name: "a", description: "x", program: {} }, { kind: "invalid_intent" }],
    ["of a complexity that is none", { ...both, complexity: "hard" }, { kind: "invalid_intent" }],
    ["whose parameters have no schema", { ...both, params: 1 }, { kind: "invalid_intent" }],
  ])("%s is refused", (_, intent, error) => {
    expect(() => defineIntent(intent as IntentDefinition)).toThrow(
      expect.objectContaining({ code: 400, ...error }),
    );
  });

  test("is listed with its schema before the tools; its name is taken once", () => {
    const { engine } = shop([both]);
    const { intents } = engine.registry;
    expect(intents.list().map(({ name, kind }) => [name, kind])).toEqual([
      ["get_it", "defined"],
      ["shop.get", "tool"],
      ["shop.list", "tool"],
    ]);
    expect(intents.get("get_it")).toEqual({
      name: "get_it",
      description: "Gets it.",
      kind: "defined",
      params: both.params,
      tool: "shop.get",
      program: true,
    });
    expect(() => intents.define(both)).toThrow(expect.objectContaining({ code: 400, kind: "intent_exists" }));
    expect([intents.remove("get_it"), intents.remove("get_it")]).toEqual([true, false]);
    intents.define(both);
    expect(intents.get("get_it")).toMatchObject({ kind: "defined" });
  });

  test("checks its parameters by JSON Schema before anything happens", async () => {
    const { engine, calls } = shop([both]);
    await expect(engine.router.execute("get_it", { id: "1" })).rejects.toMatchObject({
      code: 400,
      kind: "invalid_params",
      message: expect.stringContaining("id"),
      hint: expect.stringContaining("optimizer.intents.get"),
    });
    expect(calls).toEqual([]);
  });

  test("checks, completes and describes its parameters by any Standard Schema", async () => {
    const params = z.object({ id: z.number(), size: z.number().default(5) });
    const { engine, go } = shop([
      { name: "sized", description: "x", params, program: { code: "return params" } },
    ]);
    expect(await go("sized", { id: 1 })).toMatchObject({ value: { id: 1, size: 5 } });
    await expect(engine.router.execute("sized", { id: "1" })).rejects.toMatchObject({
      code: 400,
      kind: "invalid_params",
      message: expect.stringMatching(/^Wrong parameters for sized: id: /),
    });
    expect(engine.registry.intents.get("sized")?.params).toMatchObject({
      type: "object",
      properties: { id: { type: "number" }, size: { default: 5 } },
      required: ["id"],
    });
  });

  test("gives its parameters to its program as data", async () => {
    const { go } = shop([{ name: "echo", description: "x", program: { code: "return params.text" } }]);
    const nasty = "`${evil()}`'\"; return 1 //\u2028</script>";
    expect(await go("echo", { text: nasty })).toMatchObject({ value: nasty });
  });
});

describe("the way", () => {
  const simple = { ...both, name: "simple", complexity: "simple" } as const;
  const complex = { ...both, name: "complex", complexity: "complex" } as const;
  const programOnly: IntentDefinition = { name: "program", description: "x", program: { code: "return 7" } };
  const toolOnly: IntentDefinition = { name: "tool", description: "x", tool: "shop.get" };

  test.each<readonly [mode: Flags["executionMode"], ways: object]>([
    [
      "mcp_only",
      { simple: "mcp", complex: "mcp", tool: "mcp", "shop.get": "mcp", program: "code_execution_off" },
    ],
    ["hybrid", { simple: "mcp", complex: "code", tool: "mcp", "shop.get": "mcp", program: "code" }],
    [
      "code_execution",
      { simple: "code", complex: "code", tool: "code", "shop.get": "code", program: "code" },
    ],
  ])("in the mode %s", async (executionMode, expected) => {
    const { engine } = shop([simple, complex, programOnly, toolOnly], { flags: { executionMode } });
    const ways: Record<string, unknown> = {};
    for (const name of Object.keys(expected)) {
      const params = name === "tool" || name === "shop.get" ? { n: 7 } : { id: 7 };
      const result = await engine.router.execute(name, params).catch((error: OptimizerError) => error.kind);
      ways[name] = typeof result === "string" ? result : result.route?.way;
      if (typeof result !== "string") {
        expect(result).toMatchObject({ status: "returned", value: name === "program" ? 7 : { n: 7 } });
      }
    }
    expect(ways).toEqual(expected);
  });

  test("without a sandbox is the tool's, and a program alone has none", async () => {
    const { engine, go } = shop([both, programOnly], { flags: { enableSandbox: false } });
    expect(await go("get_it", { id: 1 })).toMatchObject({
      value: { n: 1 },
      route: { way: "mcp", why: "flags.enableSandbox is false." },
    });
    const refusal = { code: 400, kind: "code_execution_off" };
    await expect(engine.router.execute("program", {})).rejects.toMatchObject(refusal);
    await expect(engine.runner.run({ code: "1" })).rejects.toMatchObject(refusal);
    engine.flags.set({ enableSandbox: true });
    expect(await go("program")).toMatchObject({ value: 7 });
  });

  test("that is not declared goes by what both have brought back, and follows a change", async () => {
    let size = 4_000;
    const { engine, go } = shop(
      [
        {
          name: "sum",
          description: "x",
          tool: "shop.list",
          program: { code: "const all = await tools.shop.list({}); return all.length" },
        },
      ],
      { answer: () => text("x".repeat(size)) },
    );
    const way = async (): Promise<unknown> => (await go("sum"))["route"];
    expect(await way()).toEqual({ way: "mcp", why: "Nothing is known of what either way costs." });
    expect(await way()).toMatchObject({ way: "code" });
    const definition = tokensOf({
      name: "list",
      input_schema: { type: "object", properties: { n: { type: "number" } } },
    });
    const tool = 1_001 + definition;
    const why = `About ${tool} tokens by the tool (${definition} of them its definition), 1 by the program.`;
    expect(await way()).toEqual({ way: "code", why });
    expect(await engine.router.explain("sum")).toEqual({
      intent: "sum",
      route: { way: "code", why },
      estimates: {
        mcp: { tokens: tool, definition, result: 1_001, samples: 1 },
        code: { tokens: 1, definition: 0, result: 1, samples: 2 },
      },
      alike: {
        intent: tokensOf({ name: "sum", description: "x", input_schema: { type: "object" } }),
        describe: 0,
      },
      outcomes: { mcp: [{ actual: tool }], code: [{ actual: 1 }, { actual: 1, estimated: 1 }] },
    });
    // The tool alone, which is known from the program's calls too; it is what its intent says.
    size = 8;
    expect(await engine.router.explain("shop.list")).toMatchObject({
      route: { way: "mcp", why: "The intent is simple." },
      estimates: { mcp: { tokens: 1_001, definition: 0, result: 1_001, samples: 0 } },
      alike: { intent: definition },
    });
    expect(await engine.router.explain("shop.list", { holds: ["shop.list"] })).toMatchObject({
      alike: { intent: 0 },
    });
    await expect(engine.router.explain("nothing")).rejects.toMatchObject({
      code: 400,
      kind: "unknown_intent",
    });
  });

  test("counts the tool's definition where the caller has to know it, and does not hold it", async () => {
    const program = { code: "return 'y'.repeat(40)" };
    const asIs: IntentDefinition = { name: "as_is", description: "x", tool: "shop.get", program };
    const described: IntentDefinition = { ...asIs, name: "described", params: { type: "object" } };
    const mapped: IntentDefinition = { ...asIs, name: "mapped", tool: { ref: "shop.get", args: () => ({}) } };
    const { engine } = shop([asIs, described, mapped], { answer: () => text("x".repeat(30)) });
    const wayOf = async (name: string, holds: readonly string[] = []): Promise<unknown> =>
      (await engine.router.execute(name, {}, { holds })).route?.way;
    // Both ways are tried once: the tool brings back fewer tokens, and costs more with its definition.
    for (const { name } of [asIs, described, mapped]) {
      expect(new Set([await wayOf(name), await wayOf(name)])).toEqual(new Set(["mcp", "code"]));
      const holds = ["shop.get"];
      const { estimates } = await engine.router.explain(name, { holds });
      expect(estimates).toMatchObject({
        mcp: { definition: 0, tokens: estimates.mcp?.result },
        code: { definition: 0 },
      });
      expect(await wayOf(name, holds)).toBe("mcp");
    }
    expect(await wayOf("as_is")).toBe("code");
    expect(await wayOf("described")).toBe("mcp");
    expect(await wayOf("mapped")).toBe("mcp");
    // What was expected is compared with what it cost, definition included.
    const { outcomes, estimates } = await engine.router.explain("as_is");
    expect(estimates.mcp?.definition).toBeGreaterThan(5);
    expect(outcomes.mcp.map(({ actual }) => actual)).toEqual([estimates.mcp?.tokens, estimates.mcp?.result]);
    expect(outcomes.mcp[1]).toEqual({ actual: estimates.mcp?.result, estimated: estimates.mcp?.result });
  });

  test("is left again when it grows dear", async () => {
    let dear = false;
    const { go } = shop(
      [
        {
          name: "a",
          description: "x",
          tool: "shop.get",
          program: { code: "return 'y'.repeat(params.size)" },
        },
      ],
      { answer: () => text("x".repeat(400)) },
    );
    const ways: unknown[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      dear ||= turn === 4;
      ways.push(Reflect.get(Object((await go("a", { size: dear ? 2_000 : 4 }))["route"]), "way"));
    }
    expect(ways).toEqual(["mcp", ...Array(4).fill("code"), ...Array(5).fill("mcp")]);
  });
});

describe("a tool that fails", () => {
  const failure = new OptimizerError("The connection was lost.", {
    code: 500,
    kind: "connection_lost",
    retryable: true,
  });
  const after = { way: "mcp", kind: "connection_lost", message: "The connection was lost." };
  const intent: IntentDefinition = {
    name: "get_it",
    description: "x",
    tool: "shop.get",
    program: { code: "return await tools.shop.list({ n: 2 })" },
    complexity: "simple",
  };
  const answer = (name: string, args: JsonObject): ToolResult | Error =>
    name === "get" ? failure : text(args);

  test.each([{ readOnlyHint: true }, { idempotentHint: true }])(
    "is followed by the program when repeating is safe: %j",
    async (annotations) => {
      const { go, calls } = shop([intent], { annotations, answer });
      expect(await go("get_it", { n: 1 })).toEqual({
        status: "returned",
        value: { n: 2 },
        route: { way: "code", why: "The tool failed, and calling it again changes nothing.", after },
      });
      expect(calls.map(([name]) => name)).toEqual(["get", "list"]);
    },
  );

  test("is called again by the way of a program where there is no other", async () => {
    const { go, calls } = shop([], {
      annotations: { readOnlyHint: true },
      answer: (_, args, nth) => (nth === 1 ? failure : text(args)),
    });
    expect(await go("shop.get", { n: 1 })).toMatchObject({ value: { n: 1 }, route: { way: "code", after } });
    expect(calls).toHaveLength(2);
  });

  test.each<ToolAnnotations | undefined>([
    undefined,
    {},
    { destructiveHint: false },
    { readOnlyHint: false },
  ])("is not repeated when it may have happened, and says so: %j", async (annotations) => {
    const { go, calls } = shop([intent], { ...(annotations && { annotations }), answer });
    expect(await go("get_it", { n: 1 })).toEqual({
      status: "threw",
      route: { way: "mcp", why: "The intent is simple." },
      error: expect.objectContaining({
        kind: "connection_lost",
        mayHaveExecuted: true,
        hint: "The tool may have done its work: look before you call it again.",
      }),
    });
    expect(calls).toHaveLength(1);
  });

  test("before it was sent leaves the program free to run, whatever the tool is", async () => {
    const { go, calls } = shop([{ ...intent, tool: "shop.gone" }], { answer });
    expect(await go("get_it", {})).toMatchObject({
      value: { n: 2 },
      route: { way: "code", why: "The tool was not carried out.", after: { kind: "unknown_tool" } },
    });
    expect(calls.map(([name]) => name)).toEqual(["list"]);
  });

  test("by its arguments is not asked again in the same words", async () => {
    const { go, calls } = shop([], { annotations: { readOnlyHint: true } });
    expect(await go("shop.get", { n: "one" })).toMatchObject({
      status: "threw",
      error: { kind: "invalid_arguments", code: 400 },
      route: { way: "mcp" },
    });
    expect(calls).toEqual([]);
  });

  test("stays failed in the mode mcp_only", async () => {
    const flags = { executionMode: "mcp_only" } as const;
    const { go, calls } = shop([intent], { flags, annotations: { readOnlyHint: true }, answer });
    expect(await go("get_it", {})).toMatchObject({ status: "threw", route: { way: "mcp" } });
    expect(calls).toHaveLength(1);
  });

  test("whose caller has gone is not followed by anything", async () => {
    const leaving = new AbortController();
    const { engine, calls } = shop([intent], {
      annotations: { readOnlyHint: true },
      answer: () => {
        leaving.abort();
        return failure;
      },
    });
    expect(await engine.router.execute("get_it", {}, { signal: leaving.signal })).toMatchObject({
      status: "stopped",
      reason: "cancelled",
    });
    expect(calls).toHaveLength(1);
  });
});

test("a tool that never answers ends by the time that a run waits for tools", async () => {
  const source = fakeSource("slow", [{ name: "wait" }], {
    call: (_, __, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await using slow = openEngine({
    catalog: createCatalog([source]),
    sandboxes: [],
    countTokens: async (texts) => texts.map(() => 1),
    limits: { toolWaitMs: 50 },
    flags: { executionMode: "mcp_only" },
  });
  expect(await slow.router.execute("slow.wait", {})).toMatchObject({
    status: "stopped",
    reason: "timeout",
    code: 408,
  });
});

test("bytes come back by the tool as a program returns them", async () => {
  const image = { type: "image", data: "AAEC/w==", mimeType: "image/png" } as const;
  const results: unknown[] = [];
  for (const executionMode of ["mcp_only", "code_execution"] as const) {
    const { go } = shop([], { flags: { executionMode }, answer: () => ({ content: [image] }) });
    results.push((await go("shop.get"))["value"]);
  }
  expect(results[0]).toEqual({
    type: "image",
    mimeType: "image/png",
    bytes: { type: "bytes", byteLength: 4, base64: "AAEC/w==" },
  });
  expect(results[1]).toEqual(results[0]);
});
