import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/base/json.ts";
import { type FittedValue, fitValue as fitOrKeep } from "../../src/engine/fit-value.ts";

const counter = (texts: readonly string[]) =>
  Promise.resolve(texts.map((text) => countTokens(text, { disallowedSpecial: new Set() })));
const tokensOf = (value: Json): number =>
  countTokens(JSON.stringify(value), { disallowedSpecial: new Set() });

/** Where there is no room to keep what does not fit. */
const fitValue = (value: Json, maxTokens: number, countTokens: typeof counter): Promise<FittedValue> =>
  fitOrKeep(value, {
    maxTokens,
    countTokens,
    language: "typescript",
    keep: () => Promise.reject(new Error("The disk is full.")),
  });

/** mulberry32: the same numbers in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const PIECES = [
  "plain words of text ",
  "é",
  "日本語",
  "😀",
  "👩‍👩‍👧‍👦",
  "\u0000",
  "\n",
  '"',
  "\\",
  "<|endoftext|>",
  "𝒳",
  "a".repeat(40),
  "e\u0301",
  "ERR-00042 ",
];

function randomJson(next: () => number, depth = 0): Json {
  const pick = Math.floor(next() * (depth > 3 ? 5 : 8));
  const many = Math.floor(next() ** 3 * 30);
  switch (pick) {
    case 0:
      return null;
    case 1:
      return next() > 0.5;
    case 2:
      return Math.floor(next() * 1e9) / (next() > 0.5 ? 1 : 1e4);
    case 3:
    case 4:
      return Array.from({ length: many * 2 }, () => PIECES[Math.floor(next() * PIECES.length)]).join("");
    case 5:
      return Array.from({ length: many }, () => randomJson(next, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: many }, (_, index) => [
          `${PIECES[Math.floor(next() * PIECES.length)]}${index}`,
          randomJson(next, depth + 1),
        ]),
      );
  }
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Every text in a value, keys included. */
function textsOf(value: Json): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Array.isArray(value)
    ? value.flatMap(textsOf)
    : Object.entries(value).flatMap(([key, field]) => [key, ...textsOf(field)]);
}

test("a value inside the budget stays as it is", async () => {
  for (const value of [null, 0, "", "short", [1, 2], { a: { b: null } }]) {
    expect(await fitValue(value, 16, counter)).toEqual({ value, tokens: tokensOf(value) });
  }
});

test("a list keeps its first items and says how many are missing", async () => {
  const rows = Array.from({ length: 1_000 }, (_, id) => ({ id, name: `row ${id}` }));
  const { value, truncated } = await fitValue(rows, 200, counter);
  if (!Array.isArray(value)) expect.fail("no list");
  const kept = value.slice(0, -1);
  expect(kept.length).toBeGreaterThan(5);
  expect(kept).toEqual(rows.slice(0, kept.length));
  expect(value.at(-1)).toBe(`… (${1_000 - kept.length} more of 1000 items)`);
  expect(truncated).toEqual({
    fullTokens: tokensOf(rows),
    maxTokens: 200,
    hint: expect.stringMatching(/filter.*context\.set.*could not be kept: The disk is full\.$/s),
  });
});

test("an object keeps its small fields whole and cuts the large one", async () => {
  const object = { id: 7, title: "A title", body: "word ".repeat(5_000), tags: ["a", "b"] };
  const { value } = await fitValue(object, 100, counter);
  expect(value).toEqual({
    id: 7,
    title: "A title",
    body: expect.stringMatching(/^(?:word )+.*… \(\d+ more characters\)$/),
    tags: ["a", "b"],
  });
  expect(Object.keys(Object(value))).toEqual(["id", "title", "body", "tags"]);
});

test("an object with too many fields says how many are missing", async () => {
  const object = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, index]));
  const { value } = await fitValue(object, 100, counter);
  const { "…": note, ...kept } = Object(value);
  expect(note).toBe(`${500 - Object.keys(kept).length} more of 500 fields`);
  expect(object).toMatchObject(kept);
});

test("a text is cut between characters and says how many are missing", async () => {
  for (const piece of ["😀", "👩‍👩‍👧‍👦", "日本語", "x", "é", "\u0000"]) {
    const text = piece.repeat(1_000);
    for (const budget of [16, 50, 100]) {
      const { value, tokens } = await fitValue(text, budget, counter);
      const [, start = "", missing = ""] =
        /^(.*)… \((\d+) more characters\)$/s.exec(JSON.parse(JSON.stringify(value))) ?? [];
      expect(text.startsWith(start)).toBe(true);
      expect(start.length + Number(missing)).toBe(text.length);
      expect(LONE_SURROGATE.test(start)).toBe(false);
      expect(tokens).toBeLessThanOrEqual(budget);
    }
  }
});

test("a text of characters that JSON writes at length is cut by what it costs", async () => {
  const object = { control: "\u0001".repeat(60), other: "word ".repeat(1_000) };
  for (let budget = 40; budget <= 500; budget += 20) {
    expect(JSON.stringify((await fitValue(object, budget, counter)).value)).not.toContain(
      "(0 more characters)",
    );
  }
});

test("a first item that is too large alone is shown in part", async () => {
  const { value } = await fitValue([{ id: 1, text: "word ".repeat(2_000) }, 2], 100, counter);
  expect(value).toEqual([
    { id: 1, text: expect.stringContaining("more characters)") },
    "… (1 more of 2 items)",
  ]);
});

test("deep values are cut where they are large", async () => {
  let value: Json = Array.from({ length: 300 }, (_, index) => index);
  for (let level = 0; level < 10; level += 1) value = { next: value };
  const { tokens, value: fitted } = await fitValue(value, 150, counter);
  expect(tokens).toBeLessThanOrEqual(150);
  expect(JSON.stringify(fitted)).toMatch(/^(?:\{"next":){10}\[0,1,2,.* more of 300 items\)"\]\}{10}$/);
});

test("a value as deep as JSON from outside may be is cut", async () => {
  let value: Json = "x ".repeat(500);
  for (let level = 0; level < 255; level += 1) value = [value];
  const { tokens, truncated } = await fitValue(value, 16, counter);
  expect(tokens).toBeLessThanOrEqual(16);
  expect(truncated).toBeDefined();
});

test("most of a budget is used", async () => {
  const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `row ${id}`, note: "some words here" }));
  for (const budget of [64, 250, 1_000, 5_000]) {
    const { tokens } = await fitValue(rows, budget, counter);
    expect(tokens).toBeGreaterThan(budget * 0.7);
    expect(tokens).toBeLessThanOrEqual(budget);
  }
});

describe("whatever the value and the budget", () => {
  test.each(Array.from({ length: 12 }, (_, index) => index + 1))("seed %i", async (seed) => {
    const next = generator(seed);
    for (let round = 0; round < 12; round += 1) {
      const value = randomJson(next);
      const budget = [16, 17, 24, 40, 100, 350, 1_000][Math.floor(next() * 7)] ?? 16;
      const fitted = await fitValue(value, budget, counter);
      const json = JSON.stringify(fitted.value);
      const where = JSON.stringify({ seed, round, budget });
      expect(fitted.tokens, where).toBeLessThanOrEqual(budget);
      expect(fitted.tokens, where).toBe(tokensOf(fitted.value));
      expect(JSON.parse(json), where).toEqual(fitted.value);
      expect(
        textsOf(fitted.value).filter((text) => LONE_SURROGATE.test(text)),
        where,
      ).toEqual([]);
      if (fitted.truncated === undefined) expect(fitted.value, where).toEqual(value);
      else {
        expect(tokensOf(value), where).toBe(fitted.truncated.fullTokens);
        expect(fitted.truncated.fullTokens, where).toBeGreaterThan(budget);
        expect(json, where).toMatch(/ more (?:characters|of \d+ (?:items|fields))/);
        expect(json, where).not.toMatch(/\(0 more characters\)/);
      }
    }
  });
});
