import { expect, test } from "vitest";
import { findMessage, LineSplitter, lineCharacters, toLine } from "../../src/protocol/stdio-lines.ts";

const message = { text: 'é😀\u0000\u007f\r\n"\\', list: [1, null] };

test("a message is one line of printable ASCII, and comes back as it was", () => {
  const line = toLine(message);
  expect(line).toMatch(/^\n[ -~]+\n$/);
  const [, own = ""] = new LineSplitter(1_000).push(line);
  expect(JSON.parse(findMessage(own) ?? "")).toEqual(message);
});

test("output without a mark is no message, also when it looks like one", () => {
  for (const line of ["", "hello", '{"type":"ready"}', ` ${toLine(message).trim()}`]) {
    expect(findMessage(line)).toBeUndefined();
  }
});

test("a message stands on a line of its own behind output that ends without a line break", () => {
  const lines = new LineSplitter(1_000).push(`unfinished${toLine(message)}`);
  expect(lines.map(findMessage)).toEqual([undefined, expect.any(String)]);
});

test("lines come together from pieces, with the line breaks of a terminal too", () => {
  const splitter = new LineSplitter(10);
  expect(["a", "b\nc\r", "\n", "\nd"].map((piece) => splitter.push(piece))).toEqual([
    [],
    ["ab"],
    ["c"],
    [""],
  ]);
  expect(splitter.push("\n")).toEqual(["d"]);
});

test("a line over its length is refused, whole or unfinished", () => {
  expect(() => new LineSplitter(3).push("abcd\n")).toThrow(RangeError);
  const splitter = new LineSplitter(3);
  expect(splitter.push("ab")).toEqual([]);
  expect(() => splitter.push("cd")).toThrow(RangeError);
});

test("the longest line has room for every message that the limits allow", () => {
  const limits = { maxMessageBytes: 1_024, maxOutputBytes: 1_024 };
  for (const text of ['"'.repeat(1_024), "é".repeat(512), "😀".repeat(256), "\u0001".repeat(1_024)]) {
    const args = JSON.stringify({ text }).slice(0, limits.maxMessageBytes);
    expect(toLine({ type: "turn", calls: [{ args }] }).length).toBeLessThan(lineCharacters(limits));
  }
});
