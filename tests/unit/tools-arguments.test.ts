import { describe, expect, test } from "vitest";
import { createArgumentChecker } from "../../src/tools/arguments.ts";
import { patternCost } from "../../src/tools/pattern-cost.ts";
import type { JsonSchema } from "../../src/tools/tool.ts";

const checkArguments = createArgumentChecker();

const ISSUE: JsonSchema = {
  type: "object",
  properties: {
    owner: { type: "string" },
    state: { enum: ["open", "closed"] },
    page: { type: "integer", minimum: 1 },
    labels: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    },
  },
  required: ["owner"],
  additionalProperties: false,
};

async function messages(schema: JsonSchema, args: unknown): Promise<readonly string[]> {
  return checkArguments(schema, args).map((problem) => problem.message);
}

describe("checkArguments", () => {
  test("finds nothing wrong with arguments that fit", async () => {
    expect(checkArguments(ISSUE, { owner: "a", state: "open", page: 2, labels: [{ name: "bug" }] })).toEqual(
      [],
    );
    expect(checkArguments(undefined, { anything: 1 })).toEqual([]);
  });

  test("names the place, the expected type and what was there", async () => {
    expect(checkArguments(ISSUE, { owner: "a", labels: [{ name: 3 }] })).toEqual([
      {
        path: "labels[0].name",
        expected: "string",
        got: "number",
        message: "labels[0].name must be string, got number",
      },
    ]);
    expect(checkArguments(ISSUE, undefined)).toEqual([
      { path: "owner", expected: "string", got: "nothing", message: "owner is required (string)" },
    ]);
  });

  test("says which values an enum has, and what range a number", async () => {
    expect(await messages(ISSUE, { owner: "a", state: "opened", page: 0 })).toEqual([
      'state must be "open" | "closed", got "opened"',
      "page: 0 is less than 1.",
    ]);
  });

  test("offers the nearest name for an unknown parameter, only where others are forbidden", async () => {
    expect(await messages(ISSUE, { owner: "a", ownr: "b" })).toEqual([
      "unknown parameter ownr; did you mean owner?",
    ]);
    expect(await messages(ISSUE, { owner: "a", zzz: 1 })).toEqual([
      "unknown parameter zzz; known are owner, state, page, labels",
    ]);
    expect(await messages({ ...ISSUE, additionalProperties: true }, { owner: "a", zzz: 1 })).toEqual([]);
  });

  test("reports inside the one branch of a union that was meant", async () => {
    const schema: JsonSchema = {
      type: "object",
      properties: {
        to: {
          anyOf: [
            { type: "null" },
            { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
          ],
        },
      },
    };
    expect(await messages(schema, { to: {} })).toEqual(["to.id is required (string)"]);
    expect(await messages(schema, { to: 4 })).toEqual(["to must be { id: string } | null, got 4"]);
  });

  test("stops at five problems", async () => {
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    const problems = checkArguments({ type: "object", required: names }, {});
    expect(problems.map((problem) => problem.path)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("says that the arguments must be an object", async () => {
    expect(await messages(ISSUE, [1])).toEqual([
      expect.stringMatching(/^the arguments must be \{ owner: string;.*\}, got array$/),
    ]);
  });

  test("reads nullable, draft-07 tuples and references into properties", async () => {
    const schema: JsonSchema = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: {
        "a/b": { type: "string", nullable: true },
        pair: { type: "array", items: [{ type: "string" }, { type: "number" }] },
        again: { $ref: "#/properties/a~1b" },
        dangling: { $ref: "#/nowhere" },
        remote: { $ref: "https://example.invalid/schema.json" },
      },
    };
    expect(
      await messages(schema, { "a/b": null, pair: ["x", 1], again: null, dangling: 1, remote: [] }),
    ).toEqual([]);
    expect(await messages(schema, { pair: ["x", "y"], again: 5 })).toEqual([
      "pair[1] must be number, got string",
      "again must be string | null, got number",
    ]);
  });

  test("leaves out what it had to weaken rather than refuse what is right", async () => {
    const risky = { pattern: "^(a+)+$" };
    const schema: JsonSchema = {
      properties: {
        a: { not: risky },
        b: { oneOf: [risky, { type: "string" }] },
        // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
        c: { if: risky, then: false },
      },
      patternProperties: { "^(x+)+y$": true },
      additionalProperties: false,
    };
    expect(checkArguments(schema, { a: "b", b: "b", c: "b", xxy: 1 })).toEqual([]);
  });

  test("does not change the schema that it was given, frozen or not", async () => {
    const schema: JsonSchema = Object.freeze({
      type: "object",
      properties: Object.freeze({ a: Object.freeze({ type: "string" }) }),
    });
    expect(await messages(schema, { a: 1 })).toEqual(["a must be string, got number"]);
    expect(Object.getOwnPropertyNames(schema)).toEqual(["type", "properties"]);
  });
});

describe("checkArguments against hostile schemas", () => {
  const doubled: Record<string, JsonSchema> = { d40: { type: "string" } };
  for (let at = 0; at < 40; at++) {
    doubled[`d${at}`] = { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] };
  }
  let deep: JsonSchema = { type: "string" };
  for (let at = 0; at < 5_000; at++) deep = { properties: { a: deep } };
  const text = "a".repeat(2_000);
  const hostile: readonly (readonly [string, JsonSchema, unknown])[] = [
    ["exponential pattern", { properties: { a: { pattern: "^(a+)+$" } } }, { a: `${text}!` }],
    ["exponential key pattern", { patternProperties: { "(a|a)*b": {} } }, { [text]: 1 }],
    [
      "optional chain in a pattern",
      { properties: { a: { pattern: `^${"a?".repeat(40)}${"a".repeat(40)}$` } } },
      { a: "a".repeat(39) },
    ],
    [
      "cheap pattern tried without end",
      { properties: { a: { allOf: Array.from({ length: 10_000 }, () => ({ pattern: "a*b" })) } } },
      { a: text },
    ],
    ["reference to itself", { $ref: "#" }, {}],
    [
      "cycle of references",
      { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
      {},
    ],
    ["two to the fortieth visits", { $ref: "#/$defs/d0", $defs: doubled }, {}],
    ["depth of five thousand", deep, { a: { a: {} } }],
    [
      "keywords of the wrong type",
      JSON.parse(
        '{"type":7,"required":"abc","properties":[1],"enum":{},"minimum":"x","allOf":{},"pattern":"["}',
      ),
      {},
    ],
    [
      "keys of the prototype",
      JSON.parse('{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"object"}}}'),
      JSON.parse('{"__proto__":"a"}'),
    ],
  ];
  test.each(hostile)("%s neither hangs nor throws", async (_, schema, args) => {
    const started = performance.now();
    expect(checkArguments(schema, args)).toEqual([]);
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  test("arguments too deep or too many to walk are left to the server", async () => {
    let nested: unknown = 1;
    for (let at = 0; at < 20_000; at++) nested = [nested];
    expect(checkArguments({ type: "string" }, nested)).toEqual([]);
    expect(
      checkArguments(
        { type: "string" },
        Array.from({ length: 60_000 }, () => 0),
      ),
    ).toEqual([]);
  });

  test("keeps the checks of a schema with one costly pattern", async () => {
    const schema: JsonSchema = {
      properties: { a: { type: "string", pattern: "(a*)*$" }, b: { type: "number", pattern: "^x$" } },
    };
    expect(await messages(schema, { a: 1, b: "x" })).toEqual([
      "a must be string, got number",
      "b must be number, got string",
    ]);
  });
});

describe("patternCost", () => {
  test.each([
    ["^[a-z-]+$", 12],
    ["[a-z]+", 132],
    ["^\\d{4}-\\d{2}$", 1],
    ["^(?:ab|cd|ef)$", 33],
    ["^a{2,5}$", 4],
    ["^[)(*]\\($", 1],
    ["^(a|b){3}$", 88],
  ])("of %s on ten characters is %d", (pattern, cost) => {
    expect(patternCost(pattern, 10)).toBe(cost);
  });

  test.each(["(a+)+$", "(", "^(a|a)*$", "a+".repeat(251), "^(([a-z])+.)+[A-Z]([a-z])+$"])(
    "of %j exceeds every limit",
    (pattern) => {
      expect(patternCost(pattern, 60)).toBeGreaterThan(1e9);
    },
  );
});
