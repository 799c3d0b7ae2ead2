import { expect, test } from "vitest";
import { isJsonObject, parseJson } from "../../src/base/json.ts";

const nested = (levels: number, inside = ""): string => `${"[".repeat(levels)}${inside}${"]".repeat(levels)}`;

test("text that is JSON becomes its value", () => {
  for (const value of [null, true, 0, -1.5e300, "", 'a"b\\', "é😀\u0000", [], {}, [{ a: [1, "]"] }]]) {
    expect(parseJson(JSON.stringify(value))).toEqual(value);
  }
});

test("space around JSON is no part of it", () => {
  for (const value of [null, true, false, -1, 0.5, "a", [], {}])
    expect(parseJson(` \t\r\n${JSON.stringify(value)}\n`)).toEqual(value);
});

test("text that is no JSON becomes nothing", () => {
  for (const text of [
    "",
    " ",
    "{",
    "}",
    "[1,]",
    "{a:1}",
    "'a'",
    "undefined",
    "NaN",
    '"a',
    '"a\\"',
    "1 2",
    "\u0000",
    "\u00a0[]",
    "plain words",
  ]) {
    expect(parseJson(text)).toBeUndefined();
  }
});

test("a number that JavaScript cannot hold is no JSON, wherever it stands", () => {
  for (const number of ["1e999", "-1E+0999", "1.5e309", "9".repeat(400), `${"9".repeat(299)}e99`]) {
    for (const text of [number, `[1,${number}]`, `{"a":{"b":[${number}]}}`])
      expect(parseJson(text)).toBeUndefined();
  }
  for (const text of ["1.7e308", "1e-999", "9".repeat(308), '"1e999"', '{"1e999":"9e999"}', "[true,false]"]) {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  }
});

test("256 levels are read, one more is not", () => {
  expect(parseJson(nested(256))).toBeDefined();
  expect(parseJson(nested(257))).toBeUndefined();
  expect(parseJson(`${'{"a":'.repeat(256)}1${"}".repeat(256)}`)).toBeDefined();
  expect(parseJson(`${'{"a":'.repeat(257)}1${"}".repeat(257)}`)).toBeUndefined();
  expect(parseJson("[".repeat(10_000_000))).toBeUndefined();
});

test("brackets in texts are no levels, whatever is escaped before them", () => {
  const brackets = "[{".repeat(300);
  for (const text of [brackets, `"${brackets}`, `\\${brackets}`, `\\"${brackets}\\`, `${brackets}\\\\`]) {
    expect(parseJson(JSON.stringify([text, text]))).toEqual([text, text]);
  }
  expect(parseJson(`["\\\\",${nested(257)}]`)).toBeUndefined();
});

test("many lists beside each other are no levels", () => {
  expect(parseJson(`[${Array.from({ length: 1_000 }, () => "[[]]").join(",")}]`)).toHaveLength(1_000);
});

test("an object is neither null nor a list", () => {
  expect([{}, Object.create(null)].map(isJsonObject)).toEqual([true, true]);
  expect([null, [], "a", 1, undefined, () => 1].map(isJsonObject)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});
