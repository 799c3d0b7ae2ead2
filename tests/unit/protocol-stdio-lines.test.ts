import { expect, test } from "vitest";
import {
  createMark,
  findMessage,
  LineSplitter,
  lineCharacters,
  parseOpening,
  toLine,
  toOpening,
} from "../../src/protocol/stdio-lines.ts";

const mark = createMark();

const message = { text: 'é😀\u0000\u007f\r\n"\\', list: [1, null] };

test("a message is one line of printable ASCII, and comes back as it was", () => {
  const line = toLine(message, mark);
  expect(line).toMatch(/^\n[ -~]+\n$/);
  const [, own = ""] = new LineSplitter(1_000).push(line);
  expect(JSON.parse(findMessage(own, mark) ?? "")).toEqual(message);
});

test("output without a mark is no message, also when it looks like one", () => {
  const other = toLine(message, createMark()).trim();
  for (const line of ["", "hello", '{"type":"ready"}', ` ${toLine(message, mark).trim()}`, other, mark]) {
    expect(findMessage(line, mark)).toBeUndefined();
  }
});

test("a process takes its mark as its first line, and nothing else", () => {
  for (const isSpare of [true, false])
    expect(parseOpening(toOpening({ mark, isSpare }).trimEnd())).toEqual({ mark, isSpare });
  expect(createMark()).not.toBe(mark);
  for (const line of ["", "mcp-optimizer:", `${mark} `, `spare${mark}`, toLine(message, mark)]) {
    expect(() => parseOpening(line)).toThrow("no mark");
  }
});

test("a message stands on a line of its own behind output that ends without a line break", () => {
  const lines = new LineSplitter(1_000).push(`unfinished${toLine(message, mark)}`);
  expect(lines.map((line) => findMessage(line, mark))).toEqual([undefined, expect.any(String)]);
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
    expect(toLine({ type: "turn", calls: [{ args }] }, mark).length).toBeLessThan(lineCharacters(limits));
  }
});
