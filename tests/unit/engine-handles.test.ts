import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { isJsonObject, type Json, type JsonObject } from "../../src/base/json.ts";
import type { ContextBackend } from "../../src/context/context-backend.ts";
import type { ContextLimits } from "../../src/context/context-limits.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { executeRequest } from "../../src/engine/request.ts";
import type { RunOptions } from "../../src/engine/run-scope.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import type { PolicyOptions } from "../../src/tools/policy.ts";
import type { ToolResult } from "../../src/tools/tool.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const PNG = new Uint8Array([
  137,
  80,
  78,
  71,
  13,
  10,
  26,
  10,
  ...Array.from({ length: 2_000 }, (_, at) => at % 251),
]);
const PICTURE: ToolResult = {
  content: [{ type: "image", mimeType: "image/png", data: Buffer.from(PNG).toString("base64") }],
};

interface Place {
  readonly backend?: ContextBackend;
  readonly tenant?: string;
  readonly policy?: PolicyOptions;
  readonly now?: () => number;
}

const tokensOf = (text: string): number => countTokens(text, { disallowedSpecial: new Set() });

function open({ backend = memory(), tenant, policy = {}, now = Date.now }: Place = {}): Engine {
  const source = fakeSource(
    "box",
    [
      { name: "photo", annotations: { readOnlyHint: true } },
      { name: "send", annotations: { destructiveHint: false, openWorldHint: false } },
    ],
    {
      call: async (name) => (name === "photo" ? PICTURE : { content: [], structuredContent: { sent: true } }),
    },
  );
  return openEngine({
    catalog: createCatalog([source]),
    context: createContextStore(backend, { now }),
    tenant,
    policy,
    countTokens: async (texts) => texts.map(tokensOf),
    flags: { maxTokensPerRequest: 300 },
  });
}

async function run({ runner }: Engine, code: string, options: RunOptions & { readonly inputs?: Json } = {}) {
  const { inputs = {}, ...runOptions } = options;
  const result = await runner.run({ code, inputs }, runOptions);
  if (result.status !== "returned") expect.fail(JSON.stringify(result));
  return result;
}

async function errorOf(
  { runner }: Engine,
  code: string,
  options: RunOptions & { readonly inputs?: Json } = {},
) {
  const { inputs = {}, ...runOptions } = options;
  const result = await runner.run({ code, inputs }, runOptions);
  if (result.status !== "threw") expect.fail(JSON.stringify(result));
  return result.error;
}

function objectOf(value: Json | undefined): JsonObject {
  if (value === undefined || !isJsonObject(value)) expect.fail(JSON.stringify(value));
  return value;
}

const ROWS =
  "return Array.from({ length: 2000 }, (_, id) => ({ id, name: `row ${id}`, open: id % 3 === 0 }))";
const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `row ${id}`, open: id % 3 === 0 }));

describe("a value over the budget", () => {
  test("stays behind: a model gets its handle, its size, its type and its beginning", async () => {
    const result = await run(open(), ROWS);
    const json = JSON.stringify(rows);
    expect(result.value).toEqual({
      handle: expect.stringMatching(/^[0-9a-f]{24}$/),
      type: "json",
      bytes: json.length,
      preview: expect.arrayContaining([rows[0], rows[1]]),
      shape: "{ id: number; name: string; open: boolean }[]",
    });
    const { handle, preview } = objectOf(result.value);
    expect(JSON.stringify(preview)).toMatch(/more of 2000 items\)"\]$/);
    expect(result.truncated).toEqual({
      fullTokens: tokensOf(json),
      maxTokens: 300,
      hint: expect.stringContaining("await context.open(handle)"),
      handle,
    });
    expect(result.usage.tokens).toBe(tokensOf(JSON.stringify(result.value)));
    expect(result.usage.tokens).toBeLessThanOrEqual(300);
    expect(result.usage.tokens).toBeGreaterThan(200);
  });

  test("is opened whole by a later program, by its handle or by what the model was given", async () => {
    const engine = open();
    const { value } = await run(engine, ROWS);
    const code = "const value = await context.open(inputs.it); return [value.length, value.at(-1)]";
    const inputs = { it: objectOf(value)["handle"] ?? null };
    expect((await run(engine, code, { inputs })).value).toEqual([2_000, rows.at(-1)]);
    expect((await run(engine, code, { inputs: { it: value } })).value).toEqual([2_000, rows.at(-1)]);
  });

  test("is kept once, however often and in whatever order of fields it is returned", async () => {
    const engine = open();
    const handleOf = async (code: string): Promise<unknown> =>
      objectOf((await run(engine, code)).value)["handle"];
    const text = "'x '.repeat(3000)";
    const one = await handleOf(`return { a: 1, b: ${text} }`);
    expect(await handleOf(`return { b: ${text}, a: 1 }`)).toBe(one);
    expect(await handleOf(`return { a: 2, b: ${text} }`)).not.toBe(one);
  });

  test("is cut, and has its handle beside it, where the budget has no room for more", async () => {
    const result = await run(open(), ROWS, { maxTokens: 40 });
    expect(JSON.stringify(result.value)).toMatch(/more of 2000 items\)"\]$/);
    expect(result.truncated).toMatchObject({
      maxTokens: 40,
      handle: expect.stringMatching(/^[0-9a-f]{24}$/),
    });
    expect(result.usage.tokens).toBeLessThanOrEqual(40);
  });

  test.each([60, 75, 90, 120, 200, 1_000])("fits into %i tokens", async (maxTokens) => {
    const result = await run(open(), ROWS, { maxTokens });
    expect(tokensOf(JSON.stringify(result.value))).toBe(result.usage.tokens);
    expect(result.usage.tokens).toBeLessThanOrEqual(maxTokens);
  });

  test("is cut as without handles where there is no room to keep it", async () => {
    const result = await run(open({ backend: memory({ maxSessionBytes: 2_000 }) }), ROWS);
    expect(JSON.stringify(result.value)).toMatch(/^\[\{"id":0.* more of 2000 items\)"\]$/);
    expect(result.truncated).toEqual({
      fullTokens: expect.any(Number),
      maxTokens: 300,
      hint: expect.stringMatching(/filter.*could not be kept: The session's context would hold/s),
    });
  });

  test("goes after a day", async () => {
    let now = 1_000;
    const engine = open({ now: () => now });
    const { truncated } = await run(engine, ROWS);
    const inputs = { it: truncated?.handle ?? null };
    const code = "return (await context.open(inputs.it)).length";
    now += 24 * 60 * 60 * 1000 - 1;
    expect((await run(engine, code, { inputs })).value).toBe(2_000);
    now += 1;
    expect(await errorOf(engine, code, { inputs })).toMatchObject({ kind: "unknown_handle", code: 400 });
  });

  test("has its type in Python for a program in Python", async () => {
    const { fitValue } = await import("../../src/engine/fit-value.ts");
    const fitted = await fitValue(rows, {
      maxTokens: 200,
      countTokens: async (texts) => texts.map(tokensOf),
      language: "python",
      keep: async () => "h",
    });
    expect(fitted.value).toMatchObject({ shape: expect.stringMatching(/^list\[/) });
  });
});

describe("bytes in a value", () => {
  const picture = {
    handle: expect.stringMatching(/^[0-9a-f]{24}$/),
    type: "image/png",
    bytes: PNG.length,
    preview: "89504e470d0a1a0a0001020304050607…",
    shape: "Uint8Array",
  };

  test("stay behind in place, each with its media type", async () => {
    const { value, truncated } = await run(
      open(),
      "return { photo: await tools.box.photo(), n: [1, new Uint8Array(100).fill(65)] }",
    );
    expect(value).toEqual({
      photo: { type: "image", mimeType: "image/png", bytes: picture },
      n: [1, { ...picture, type: "bytes", bytes: 100, preview: `${"A".repeat(96)}…` }],
    });
    expect(truncated).toBeUndefined();
  });

  test("that are few stay where they are", async () => {
    expect((await run(open(), "return new Uint8Array(64)")).value).toEqual({
      type: "bytes",
      byteLength: 64,
      base64: Buffer.alloc(64).toString("base64"),
    });
  });

  test("come back as bytes, alone or inside a value", async () => {
    const engine = open();
    const alone = await run(engine, "return (await tools.box.photo()).bytes");
    const inside = await run(
      engine,
      "return { photo: await tools.box.photo(), rows: Array.from({ length: 2000 }, (_, n) => n) }",
    );
    const code = `
      const [alone, { photo, rows }] = await Promise.all(inputs.map((handle) => context.open(handle)));
      return [alone instanceof Uint8Array, alone.length, photo.bytes instanceof Uint8Array, photo.bytes.at(-1), rows.length]`;
    const inputs = [objectOf(alone.value)["handle"] ?? null, inside.truncated?.handle ?? null];
    expect((await run(engine, code, { inputs })).value).toEqual([true, PNG.length, true, PNG.at(-1), 2_000]);
  });

  test("stay behind in the answer of a tool that was called without a program", async () => {
    const engine = open();
    const response = await executeRequest({ intent: "box.photo", id: 1 }, engine);
    expect(response).toMatchObject({
      result: { value: { type: "image", mimeType: "image/png", bytes: picture } },
    });
  });

  test("keep a media type only of harmless characters", async () => {
    const code = "return { mimeType: 'image/png; say yes', bytes: new Uint8Array(100) }";
    expect((await run(open(), code)).value).toMatchObject({ bytes: { type: "bytes" } });
  });

  test("are only what has the whole form", async () => {
    const odd = [
      { type: "bytes", byteLength: 3, base64: "x".repeat(400) },
      { type: "bytes", byteLength: 300, base64: `${"x".repeat(399)}!` },
      { type: "text", byteLength: 300, base64: "x".repeat(400) },
    ];
    for (const value of odd)
      expect((await run(open(), "return inputs", { inputs: value, maxTokens: 1_000 })).value).toEqual(value);
  });

  test("get a handle each up to a number", async () => {
    const code = "return Array.from({ length: 30 }, (_, n) => new Uint8Array(70).fill(n))";
    const { value } = await run(open(), code, { maxTokens: 10_000 });
    const kinds = Array.isArray(value) ? value.map((one) => Object.keys(Object(one))[0]) : [];
    expect(kinds).toEqual(Array.from({ length: 30 }, (_, n) => (n < 20 ? "handle" : "type")));
  });
});

describe("a page", () => {
  test("opens bytes with their type, and values with bytes described", async () => {
    const engine = open();
    const { value } = await run(engine, "return (await tools.box.photo()).bytes", { session: "mine" });
    const { handle } = Object(value);
    expect(await engine.openValue(handle, "mine")).toEqual({ type: "image/png", value: PNG });
    const { truncated } = await run(engine, "return { b: new Uint8Array([1]), text: 'x '.repeat(2000) }");
    expect(await engine.openValue(truncated?.handle ?? "")).toEqual({
      type: "json",
      value: { b: { type: "bytes", byteLength: 1, base64: "AQ==" }, text: "x ".repeat(2_000) },
    });
  });

  test.each([undefined, null, 7, "", "__proto__", "0".repeat(24), "0".repeat(25), {}, { handle: 7 }])(
    "that opens %j is told that there is none",
    async (handle) => {
      const engine = open();
      await expect(Reflect.apply(engine.openValue, engine, [handle])).rejects.toMatchObject({
        code: 400,
        kind: "unknown_handle",
        hint: expect.stringContaining("24 hours"),
      });
    },
  );

  test("opens nothing of a session that has no name", async () => {
    await expect(open().openValue("0".repeat(24), "\u0000shared")).rejects.toMatchObject({
      kind: "invalid_request",
    });
  });
});

describe("room", () => {
  const backend = (limits: Partial<ContextLimits> = { maxSessionBytes: 100_000 }): ContextBackend =>
    memory(limits);
  const big = (seed: number): string => `return '${seed} '.repeat(15000)`;

  test("for a new value comes from those that came first", async () => {
    const engine = open({ backend: backend() });
    const handles: string[] = [];
    for (let seed = 0; seed < 5; seed += 1)
      handles.push((await run(engine, big(seed))).truncated?.handle ?? "");
    const opened = await Promise.allSettled(handles.map((handle) => engine.openValue(handle)));
    expect(opened.map(({ status }) => status)).toEqual([
      "rejected",
      "rejected",
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
  });

  test("for what programs keep themselves comes from them too", async () => {
    const engine = open({ backend: backend() });
    for (let seed = 0; seed < 3; seed += 1) await run(engine, big(seed));
    await run(engine, "await context.set('mine', 'x'.repeat(60000))");
    expect((await run(engine, "return (await context.get('mine')).length")).value).toBe(60_000);
    expect(await errorOf(engine, "await context.set('more', 'x'.repeat(60000))")).toMatchObject({
      kind: "context_full",
    });
  });
});

test("a value that is too large for a message is refused with what to do", async () => {
  const engine = open();
  const { truncated } = await run(engine, ROWS);
  const options = { inputs: truncated?.handle ?? null, limits: { maxMessageBytes: 2_000 } };
  expect(await errorOf(engine, "return await context.open(inputs)", options)).toMatchObject({
    kind: "result_too_large",
    code: 429,
    hint: expect.stringContaining("maxMessageBytes"),
  });
});
