import { expect, test } from "vitest";
import { openSnapshot, packSnapshot } from "../../src/base/wasm-snapshot.ts";

const PAGE = 4096;

test("a snapshot puts back the pages that it kept, and leaves the others alone", () => {
  const memory = new Uint8Array(5 * PAGE);
  memory.fill(7, PAGE, PAGE + 10);
  memory.fill(9, 4 * PAGE - 1, 4 * PAGE + 1);
  const head = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  // The first page is kept though it is empty: what stands there is cleared.
  const kept = new Set([0, 1, 3, 4]);
  const file = packSnapshot({ functions: 12, head }, memory, (from) => kept.has(from / PAGE));
  expect(file.length).toBe(16 + head.length + kept.size * (4 + PAGE));

  const opened = openSnapshot(file.buffer);
  expect(opened.functions).toBe(12);
  expect(opened.head).toEqual(head);
  const other = new Uint8Array(5 * PAGE).fill(1);
  opened.writeTo(other);
  const expected = memory.slice();
  expected.fill(1, 2 * PAGE, 3 * PAGE);
  expect(other).toEqual(expected);
});
