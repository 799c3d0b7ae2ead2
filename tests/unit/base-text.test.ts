import { expect, test } from "vitest";
import { clipText, textBytes } from "../../src/base/text.ts";

test("a text is as long as its UTF-8", () => {
  expect(["", "a", "é", "日", "😀", "\ud800"].map(textBytes)).toEqual([0, 1, 2, 3, 4, 3]);
});

test("a text keeps its beginning, never half of a character", () => {
  expect(clipText("short", 5)).toBe("short");
  expect(clipText("longer", 5)).toBe("longe…");
  expect(clipText("abc😀def", 4)).toBe("abc…");
  expect(clipText("abc😀def", 5)).toBe("abc😀…");
  expect(clipText("😀", 1)).toBe("…");
});

test("measures texts of several pieces as they are encoded, halves of characters included", () => {
  const pieces = [
    "x".repeat(16_383),
    "😀".repeat(9_000),
    "é".repeat(20_000),
    "\ud800",
    "漢".repeat(16_384),
    "\udc00",
  ];
  for (const text of [...pieces, pieces.join(""), `x${pieces.join("")}`, "\ud83d".repeat(40_000)]) {
    expect(textBytes(text)).toBe(new TextEncoder().encode(text).length);
  }
});
