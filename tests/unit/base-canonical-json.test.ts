import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/base/canonical-json.ts";
import { type Json, parseJson } from "../../src/base/json.ts";

const ofText = (text: string): string | undefined => {
  const value = parseJson(text);
  if (value === undefined) throw new Error(`${text} is no JSON`);
  return canonicalJson(value);
};

describe("one text", () => {
  test.for([
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"a":{"c":[1,{"x":1,"y":2}],"b":0}}', ' { "a" : { "b" : 0 , "c" : [ 1 , { "y" : 2 , "x" : 1 } ] } } '],
    ['{"\\u0061":"\\u00e9"}', '{"a":"é"}'],
    ["[1,1e2,-0]", "[1.0,100,0]"],
    ['{"__proto__":1,"a":2}', '{"a":2,"__proto__":1}'],
    ['{"10":1,"9":2,"a":3}', '{"a":3,"9":2,"10":1}'],
  ])("for %s and %s", ([one = "", other = ""]) => {
    expect(ofText(one)).toBe(ofText(other));
  });
});

describe("two texts", () => {
  test.for([
    ['{"a":"1"}', '{"a":1}'],
    ['{"a":null}', "{}"],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":[1,[2]]}', '{"a":[[1],2]}'],
    ['{"__proto__":{"a":1}}', '{"a":1}'],
    ['{"__proto__":1}', "{}"],
    ['{"constructor":1}', "{}"],
    ['{"a\\":1,\\"b":1}', '{"a":1,"b":1}'],
    ['{"a":"\\u00e9"}', '{"a":"e\\u0301"}'],
    ['{"a":"\\ud800"}', '{"a":"\\ufffd"}'],
    ['{"a":"x"}', '{"a":"x\\u0000"}'],
    ['{"a":"x"}', '{"a":"x\\u200b"}'],
    ["[]", "{}"],
    ["[null]", "[]"],
    ["true", '"true"'],
  ])("for %s and %s", ([one = "", other = ""]) => {
    expect(ofText(one)).not.toBe(ofText(other));
  });
});

test("the text is JSON of the same value", () => {
  const value: Json = { b: [true, null, { d: "\ud800\u2028", c: -1.5e300 }], a: "", 9: {}, 10: [] };
  expect(JSON.parse(canonicalJson(value) ?? "")).toEqual(value);
  expect(canonicalJson(value)).toBe(
    '{"10":[],"9":{},"a":"","b":[true,null,{"c":-1.5e+300,"d":"\\ud800\u2028"}]}',
  );
});

test("every depth that is read is written", () => {
  const text = `${'{"a":['.repeat(128)}1${"]}".repeat(128)}`;
  expect(ofText(text)).toBe(text);
});

test("a value whose text would be too long is not written to its end", () => {
  expect(canonicalJson({ a: [1, 2] }, 11)).toBe('{"a":[1,2]}');
  expect(canonicalJson({ a: [1, 2] }, 10)).toBeUndefined();
  let read = 0;
  const list = Array.from({ length: 1_000 }, (_, at) => ({
    get key() {
      read += 1;
      return at;
    },
  }));
  expect(canonicalJson(list, 100)).toBeUndefined();
  expect(read).toBeLessThan(20);
});
