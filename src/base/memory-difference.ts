// What makes one memory of WebAssembly out of another, as a file that is small and compresses well. Three
// numbers begin it, 32 bits wide and little-endian: how long the head is, how many pages differ, and in how
// many words. Then come the head, the number of each page, a bit for each word of those pages (set where it
// differs), and the words that differ, mixed with what was there by XOR: the first byte of each, then the
// second, and so on. Pointers into one heap have their high bytes in common: like stands beside like.

/** Bytes of a page. */
const PAGE = 4096;

const NUMBER = Uint32Array.BYTES_PER_ELEMENT;
const PAGE_WORDS = PAGE / NUMBER;
const BITS = 8 * NUMBER;
const PAGE_MARKS = PAGE_WORDS / BITS;
const BEGINNING = 3 * NUMBER;

/**
 * Packs what makes `memory` out of `before`, which was zeros beyond its end, behind a head of a multiple of four
 * bytes. Pages that end before `from` are left alone.
 */
export function packDifference(
  head: Uint8Array,
  memory: Uint8Array<ArrayBuffer>,
  before: Uint8Array<ArrayBuffer>,
  from: number,
): Uint8Array<ArrayBuffer> {
  const [words, wordsBefore] = [new Uint32Array(memory.buffer), new Uint32Array(before.buffer)];
  const numbers: number[] = [];
  for (let number = Math.floor(from / PAGE); number < memory.length / PAGE; number += 1) {
    if (pageDiffers(words, wordsBefore, number * PAGE_WORDS)) numbers.push(number);
  }
  const marks = new Uint32Array(numbers.length * PAGE_MARKS);
  const mixed = new Uint32Array(numbers.length * PAGE_WORDS);
  let count = 0;
  let word = 0;
  for (const number of numbers) {
    for (let at = number * PAGE_WORDS; at < (number + 1) * PAGE_WORDS; at += 1) {
      const value = (words[at] ?? 0) ^ (at < wordsBefore.length ? (wordsBefore[at] ?? 0) : 0);
      if (value !== 0) {
        mixed[count] = value;
        count += 1;
        marks[word >>> 5] = (marks[word >>> 5] ?? 0) | (1 << (word & 31));
      }
      word += 1;
    }
  }
  const pieces = [
    Uint32Array.of(head.length, numbers.length, count),
    head,
    Uint32Array.from(numbers),
    marks,
    byteByByte(mixed.subarray(0, count)),
  ];
  const file = new Uint8Array(pieces.reduce((length, piece) => length + piece.byteLength, 0));
  let end = 0;
  for (const { buffer, byteOffset, byteLength } of pieces) {
    file.set(new Uint8Array(buffer, byteOffset, byteLength), end);
    end += byteLength;
  }
  return file;
}

function pageDiffers(words: Uint32Array, before: Uint32Array, from: number): boolean {
  // Reading beyond the end would make the whole loop slow.
  const known = Math.min(from + PAGE_WORDS, before.length);
  let at = from;
  for (; at < known; at += 1) if (words[at] !== before[at]) return true;
  for (; at < from + PAGE_WORDS; at += 1) if (words[at] !== 0) return true;
  return false;
}

/** The first bytes of all words, then their second ones, and so on. */
function byteByByte(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.byteLength);
  const count = words.length;
  for (let at = 0; at < count; at += 1) {
    const word = words[at] ?? 0;
    bytes[at] = word;
    bytes[count + at] = word >>> 8;
    bytes[2 * count + at] = word >>> 16;
    bytes[3 * count + at] = word >>> 24;
  }
  return bytes;
}

/** What {@link packDifference} packed. */
export interface OpenedDifference {
  readonly head: Uint8Array;
  /**
   * Makes of the memory that was `before` the other one. Throws a `RangeError` for a page that has no place in it,
   * and for a file that contradicts itself.
   */
  readonly mixInto: (memory: Uint8Array<ArrayBuffer>) => void;
}

/** Throws a `RangeError` for a file that ends too early. */
export function openDifference(file: ArrayBuffer): OpenedDifference {
  const [headLength = 0, pages = 0, count = 0] = new Uint32Array(file, 0, BEGINNING / NUMBER);
  const numbers = new Uint32Array(file, BEGINNING + headLength, pages);
  const marks = new Uint32Array(file, numbers.byteOffset + numbers.byteLength, pages * PAGE_MARKS);
  const bytes = new Uint8Array(file, marks.byteOffset + marks.byteLength, count * NUMBER);
  return {
    head: new Uint8Array(file, BEGINNING, headLength),
    mixInto(memory) {
      let next = 0;
      let mark = 0;
      for (const number of numbers) {
        // A view, so that a page without a place throws.
        const page = new Uint32Array(memory.buffer, number * PAGE, PAGE_WORDS);
        for (let from = 0; from < PAGE_WORDS; from += BITS) {
          let left = marks[mark] ?? 0;
          mark += 1;
          for (; left !== 0; left &= left - 1) {
            const at = from + BITS - 1 - Math.clz32(left & -left);
            page[at] = (page[at] ?? 0) ^ wordOf(bytes, count, next);
            next += 1;
          }
        }
      }
      if (next !== count) throw new RangeError("The file has other words than it says.");
    },
  };
}

function wordOf(bytes: Uint8Array, count: number, at: number): number {
  if (at >= count) throw new RangeError("The file has fewer words than it says.");
  const byte = (nth: number): number => bytes[nth * count + at] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}
