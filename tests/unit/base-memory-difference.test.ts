import { expect, test } from "vitest";
import { openDifference, packDifference } from "../../src/base/memory-difference.ts";

const PAGE = 4096;

/** Numbers of the file's beginning, and what each page that differs takes beside its words. */
const BEGINNING = 12;
const PAGE_ENTRY = 4 + PAGE / 4 / 8;

const head = Uint8Array.of(1, 2, 3, 4);

test("a difference makes one memory out of another that was smaller", () => {
  const before = Uint8Array.from({ length: 3 * PAGE }, (_, at) => at % 251);
  const memory = new Uint8Array(5 * PAGE);
  memory.set(before);
  memory[PAGE + 5] = 99;
  memory.set([0xff, 0xfe, 0xfd, 0xfc], 2 * PAGE - 4);
  memory[4 * PAGE + 1] = 7;
  memory[PAGE - 1] = 1;
  const file = packDifference(head, memory, before, PAGE + 1);
  // One page that changed in two words, and one that came; the empty one between is not kept.
  expect(file.length).toBe(BEGINNING + head.length + 2 * PAGE_ENTRY + 3 * 4);

  const opened = openDifference(file.buffer);
  expect(opened.head).toEqual(head);
  const other = new Uint8Array(5 * PAGE);
  other.set(before);
  opened.mixInto(other);
  // It begins with the page of `from`.
  other[PAGE - 1] = 1;
  expect(other).toEqual(memory);
});

test("memories of random changes come back, whatever they hold", () => {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 50; round += 1) {
    const before = Uint8Array.from({ length: random(4) * PAGE }, () => random(256));
    const memory = new Uint8Array(before.length + random(3) * PAGE);
    memory.set(before);
    for (let change = random(3_000); change > 0; change -= 1) memory[random(memory.length)] = random(256);
    const made = new Uint8Array(memory.length);
    made.set(before);
    openDifference(packDifference(head, memory, before, 0).buffer).mixInto(made);
    expect(made).toEqual(memory);
  }
});

test("a file that lies about itself, or has no place, is a RangeError", () => {
  const memory = new Uint8Array(2 * PAGE);
  memory[PAGE + 8] = 3;
  memory[PAGE + 80] = 4;
  const file = packDifference(head, memory, new Uint8Array(0), 0);
  const mix = (bytes: Uint8Array<ArrayBuffer>, into = memory.length) =>
    openDifference(bytes.slice().buffer).mixInto(new Uint8Array(into));
  expect(() => mix(file)).not.toThrow();
  expect(() => mix(file, PAGE)).toThrow(RangeError);
  expect(() => mix(file.subarray(0, 100))).toThrow(RangeError);
  for (const count of [1, 3]) {
    const other = new Uint8Array([...file, 0, 0, 0, 0]);
    new Uint32Array(other.buffer, 0, 3)[2] = count;
    expect(() => mix(other), `${count} words`).toThrow(RangeError);
  }
});
