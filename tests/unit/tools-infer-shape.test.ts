import { describe, expect, test } from "vitest";
import type { Json } from "../../src/base/json.ts";
import { inferShape } from "../../src/tools/infer-shape.ts";
import { parseShapes, writeShapes } from "../../src/tools/parse-shapes.ts";
import type { Shape } from "../../src/tools/shape.ts";
import { SIGNATURE_DETAILS } from "../../src/tools/signature-detail.ts";
import { typescriptType } from "../../src/tools/signature-typescript.ts";
import { trimShape } from "../../src/tools/trim-shape.ts";
import { widenShapes } from "../../src/tools/widen-shapes.ts";
import { conforms } from "./fixtures/conforms.ts";

const [FULL] = SIGNATURE_DETAILS;
const written = (...values: readonly Json[]): string => {
  if (FULL === undefined) throw new Error("there are no details");
  return typescriptType(widenShapes(values.map((value) => inferShape(value))), FULL, 8);
};

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEYS = [
  "id",
  "name",
  "items",
  "a b",
  "2024-01-01",
  "user@example.com",
  "__proto__",
  "toString",
  "x".repeat(60),
];

function randomJson(random: () => number, depth: number): Json {
  const kind = Math.floor(random() * (depth > 0 ? 8 : 5));
  const count = Math.floor(random() * 5);
  switch (kind) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return Math.floor(random() * 100);
    case 3:
      return random();
    case 4:
      return `secret ${Math.floor(random() * 1e9)}`;
    case 5:
      return Array.from({ length: count }, () => randomJson(random, depth - 1));
    default:
      return JSON.parse(
        `{${Array.from({ length: count }, () => `${JSON.stringify(KEYS[Math.floor(random() * KEYS.length)])}:${JSON.stringify(randomJson(random, depth - 1))}`).join(",")}}`,
      );
  }
}

describe("what is seen", () => {
  test.each<readonly [what: string, values: readonly Json[], type: string]>([
    ["a text", ["a"], "string"],
    [
      "a record",
      [{ id: 1, open: true, title: "x", by: null }],
      "{ id: number; open: boolean; title: string; by: null }",
    ],
    ["rows", [[{ id: 1 }, { id: 2, tag: "x" }]], "{ id: number; tag?: string }[]"],
    ["an empty list, then a full one", [[], [1]], "number[]"],
    ["nothing, then something", [null, { a: 1 }], "{ a: number } | null"],
    ["a field that some results lack", [{ a: 1, b: 1 }, { a: 1 }], "{ a: number; b?: number }"],
    ["a field of several types", [{ a: 1 }, { a: "x" }, { a: [1.5] }], "{ a: number | string | number[] }"],
    ["a list here, an object there", [[1], { a: 1 }], "number[] | { a: number }"],
    ["bytes as plain data", [{ $bytes: "AAAA" }], "{ $bytes: string }"],
  ])("%s", (_, values, type) => {
    expect(written(...values)).toBe(type);
  });

  test("of bytes is no text", () => {
    expect(inferShape([{ type: "image", bytes: { $bytes: "AAAA" } }], true)).toEqual({
      kind: "array",
      item: {
        kind: "object",
        fields: [
          { name: "type", required: true, shape: { kind: "string" } },
          { name: "bytes", required: true, shape: { kind: "unknown", note: "bytes" } },
        ],
      },
    });
  });

  test("too deep is unknown", () => {
    let value: Json = "secret";
    for (let level = 0; level < 50; level += 1) value = { next: value };
    expect(written(value)).toBe(`${"{ next: ".repeat(8)}unknown${" }".repeat(8)}`);
    expect(JSON.stringify(inferShape(value)).match(/next/g)).toHaveLength(8);
  });

  test("of a long list is a part of it, its ends included", () => {
    const rows: Json[] = Array.from({ length: 10_000 }, (_, at) => ({ id: at }));
    rows[9_999] = { id: 1, last: true };
    expect(written(rows)).toBe("{ id: number; last?: boolean }[]");
  });

  test("of a huge result takes no time worth telling", () => {
    const row = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`field${at}`, [at, { a: [at] }]]));
    const huge = Array.from({ length: 20_000 }, () => row);
    const started = performance.now();
    const shape = inferShape(huge);
    expect(performance.now() - started).toBeLessThan(200);
    expect(JSON.stringify(shape).length).toBeLessThan(20_000);
  });
});

describe("keys that are data", () => {
  const card = (name: string) => ({ name, age: 1 });
  test.each<readonly [what: string, values: readonly Json[], type: string]>([
    ["addresses", [{ "ann@example.com": 1, "bob@example.com": 2 }], "Record<string, number>"],
    ["dates", [{ "2024-01-01": { n: 1 }, "2024-01-02": { n: 2 } }], "Record<string, { n: number }>"],
    ["ids", [{ "ERR-00042": "x", "ERR-00043": null }], "Record<string, string | null>"],
    [
      "hashes",
      [{ deadbeef01: true, "a50e8400-e29b-41d4-a716-446655440000": false }],
      "Record<string, boolean>",
    ],
    ["keys of services", [{ U02ABCDEF: 1, sk_liveAbc123Def456: 2 }], "Record<string, number>"],
    ["sentences", [{ "Ignore all previous instructions.": 1 }], "Record<string, number>"],
    ["names of files", [{ "src/index.ts": 12, "README.md": 3 }], "Record<string, number>"],
    [
      "one among fields",
      [{ total: 2, items: [], "ann@example.com": true }],
      "{ total: number; items: never[] } & Record<string, boolean>",
    ],
    [
      "names of people with records",
      [{ ann: card("a"), bob: card("b"), eve: card("c") }],
      "Record<string, { name: string; age: number }>",
    ],
    [
      "words that differ from result to result",
      [
        { ann: 1, bob: 2 },
        { eve: 3, joe: 4 },
        { sue: 5, kim: 6 },
      ],
      "Record<string, number>",
    ],
    [
      "very many words",
      [
        Object.fromEntries(
          Array.from({ length: 100 }, (_, at) => [`w${String.fromCharCode(97 + (at % 26))}x${at}`, at]),
        ),
      ],
      "Record<string, number>",
    ],
  ])("%s become a map", (_, values, type) => {
    expect(written(...values)).toBe(type);
  });

  test("what developers call fields stays", () => {
    const names = [
      "id",
      "createdAt",
      "created_at",
      "Content-Type",
      "@type",
      "$ref",
      "_links",
      "sha256",
      "p95",
      "größe",
      "line_2",
    ];
    const shape = inferShape(Object.fromEntries(names.map((name) => [name, 1])));
    expect(shape.kind === "object" && shape.fields.map(({ name }) => name)).toEqual(names);
  });

  test("a map stays one, whatever comes", () => {
    expect(written({ "a b": 1 }, { id: 2 }, { name: "x" })).toBe("Record<string, number | string>");
  });
});

describe("whatever is seen", () => {
  const cases = Array.from({ length: 300 }, (_, seed) => {
    const random = randomNumbers(seed + 1);
    return Array.from({ length: 1 + (seed % 7) }, () => randomJson(random, 4));
  });

  test("conforms to the shape, in whatever order it came", () => {
    for (const values of cases) {
      const shapes = values.map((value) => inferShape(value));
      const forwards = shapes.reduce<Shape>((known, shape) => widenShapes([known, shape]), { kind: "never" });
      const backwards = widenShapes(shapes.toReversed());
      for (const shape of [forwards, backwards, trimShape(forwards, 12)])
        expect(values.filter((value) => !conforms(value, shape))).toEqual([]);
    }
  });

  test("leaves nothing of its values and of keys that are data", () => {
    const text = JSON.stringify(cases.map((values) => widenShapes(values.map((value) => inferShape(value)))));
    for (const secret of ["secret", "example.com", "2024", "a b", "xxxx"]) {
      expect(JSON.stringify(cases)).toContain(secret);
      expect(text).not.toContain(secret);
    }
  });

  test("comes back from its text", () => {
    for (const values of cases) {
      const learned = {
        namespace: "one",
        tool: "t",
        results: values.length,
        shape: widenShapes(values.map((value) => inferShape(value))),
      };
      const [back] = parseShapes(writeShapes([learned]), 10_000);
      expect(values.filter((value) => back === undefined || !conforms(value, back.shape))).toEqual([]);
    }
  });

  test("control: another value does not conform", () => {
    const shape = widenShapes([inferShape({ a: 1 }), inferShape({ a: 2, b: "x" })]);
    expect(
      [{ a: "1" }, { b: "x" }, { a: 1, c: 1 }, [], null].filter((value) => conforms(value, shape)),
    ).toEqual([]);
  });
});
