// The memory of a WebAssembly instance, mostly zeros, as one file. Four numbers begin it, 32 bits wide and
// little-endian: how many functions the instance's table had, how long the head is, how many pages follow,
// and none. Then come the head, the number of each page, the pages.

/** Bytes of a page. */
const PAGE = 4096;

const NUMBER = Uint32Array.BYTES_PER_ELEMENT;
const BEGINNING = 4 * NUMBER;

export interface WasmSnapshot {
  /** An instance whose table has another length gives other numbers to its functions: it can't use this memory. */
  readonly functions: number;
  /** What belongs to the memory; a multiple of four bytes. */
  readonly head: Uint8Array<ArrayBuffer>;
}

/** Packs those pages of the memory that `keeps` wants, which is given where a page begins and ends. */
export function packSnapshot(
  snapshot: WasmSnapshot,
  memory: Uint8Array,
  keeps: (from: number, to: number) => boolean,
): Uint8Array<ArrayBuffer> {
  const numbers: number[] = [];
  for (let from = 0; from < memory.length; from += PAGE) {
    if (keeps(from, from + PAGE)) numbers.push(from / PAGE);
  }
  return packPages(snapshot, memory, numbers);
}

function packPages(
  { functions, head }: WasmSnapshot,
  memory: Uint8Array,
  numbers: readonly number[],
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(BEGINNING + head.length + numbers.length * (NUMBER + PAGE));
  let end = 0;
  const append = (bytes: Uint8Array): void => {
    file.set(bytes, end);
    end += bytes.length;
  };
  append(new Uint8Array(Uint32Array.of(functions, head.length, numbers.length, 0).buffer));
  append(head);
  append(new Uint8Array(Uint32Array.from(numbers).buffer));
  for (const number of numbers) append(memory.subarray(number * PAGE, (number + 1) * PAGE));
  return file;
}

export interface OpenedSnapshot extends WasmSnapshot {
  /** Puts the pages into a memory. Throws a `RangeError` for one that has no place there. */
  readonly writeTo: (memory: Uint8Array) => void;
}

/** Opens what {@link packSnapshot} packed. Throws a `RangeError` for what is no snapshot. */
export function openSnapshot(file: ArrayBuffer): OpenedSnapshot {
  const [functions = 0, headLength = 0, count = 0] = new Uint32Array(file, 0, 3);
  const numbers = new Uint32Array(file, BEGINNING + headLength, count);
  return {
    functions,
    head: new Uint8Array(file, BEGINNING, headLength),
    writeTo(memory) {
      let at = numbers.byteOffset + numbers.byteLength;
      for (const number of numbers) {
        memory.set(new Uint8Array(file, at, PAGE), number * PAGE);
        at += PAGE;
      }
    },
  };
}
