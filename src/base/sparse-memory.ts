// Memory that is mostly zeros, as one file: how much stands before it, how many pages follow, what stands
// before it, the number of each page, the pages. Numbers are 32 bits wide, little-endian.

/** Bytes of a page. */
const PAGE = 4096;

const NUMBER = Uint32Array.BYTES_PER_ELEMENT;

/** Packs the pages that `keeps` wants, which is given where a page begins and ends. `head` is whole numbers long. */
export function packMemory(
  head: Uint8Array,
  memory: Uint8Array,
  keeps: (from: number, to: number) => boolean,
): Uint8Array<ArrayBuffer> {
  const numbers: number[] = [];
  for (let from = 0; from < memory.length; from += PAGE) {
    if (keeps(from, from + PAGE)) numbers.push(from / PAGE);
  }
  const file = new Uint8Array(2 * NUMBER + head.length + numbers.length * (NUMBER + PAGE));
  let end = 0;
  const append = (bytes: Uint8Array): void => {
    file.set(bytes, end);
    end += bytes.length;
  };
  append(new Uint8Array(Uint32Array.of(head.length, numbers.length).buffer));
  append(head);
  append(new Uint8Array(Uint32Array.from(numbers).buffer));
  for (const number of numbers) append(memory.subarray(number * PAGE, (number + 1) * PAGE));
  return file;
}

/** What stood before the memory, and a function that writes the packed pages into another one. */
export function unpackMemory(file: ArrayBuffer): {
  readonly head: Uint8Array<ArrayBuffer>;
  readonly writeTo: (memory: Uint8Array) => void;
} {
  const [headLength = 0, count = 0] = new Uint32Array(file, 0, 2);
  const table = 2 * NUMBER + headLength;
  const numbers = new Uint32Array(file, table, count);
  return {
    head: new Uint8Array(file, 2 * NUMBER, headLength),
    writeTo(memory) {
      let at = table + numbers.byteLength;
      for (const number of numbers) {
        memory.set(new Uint8Array(file, at, PAGE), number * PAGE);
        at += PAGE;
      }
    },
  };
}
