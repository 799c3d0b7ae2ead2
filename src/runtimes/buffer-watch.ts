// Counts the buffers that a guest makes in a realm of its own: the one kind of memory that a worker can
// see. Best effort: a program shares the realm and can get around it, and the rest of its heap shows nowhere.

/** Smaller buffers are not counted: they would cost more to watch than to make. Bytes. */
const COUNTED_BYTES = 16 * 1024;

/** A change of this much is told. Bytes. */
const TELL_BYTES = 1024 * 1024;

const NAMES = [
  "ArrayBuffer",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "Int16Array",
  "Int32Array",
  "Int8Array",
  "Uint16Array",
  "Uint32Array",
  "Uint8Array",
  "Uint8ClampedArray",
];

type Constructor = new (...args: readonly unknown[]) => ArrayBuffer | ArrayBufferView<ArrayBuffer>;

/**
 * Puts constructors that count in the place of those of buffers and typed arrays, and tells the bytes
 * that were made and not yet collected. A program that drops buffers without ever waiting is not
 * told apart from one that keeps them: the browser says what it collected between two tasks only.
 */
export function watchBuffers(tell: (bytes: number) => void): void {
  const { construct } = Reflect;
  const { abs } = Math;
  let held = 0;
  let told = 0;
  const add = (bytes: number): void => {
    held += bytes;
    if (abs(held - told) < TELL_BYTES) return;
    told = held;
    tell(held);
  };
  const registry = new FinalizationRegistry<number>((bytes) => add(-bytes));
  const register = registry.register.bind(registry);
  /** Called with what was made; `source` is the buffer that a view was made on. */
  const count = (made: ArrayBuffer | ArrayBufferView<ArrayBuffer>, source: unknown): void => {
    const isBuffer = !("buffer" in made);
    const buffer = isBuffer ? made : made.buffer;
    if (buffer === source) return;
    const bytes = buffer.resizable ? buffer.maxByteLength : buffer.byteLength;
    register(buffer, bytes);
    add(bytes);
  };
  for (const name of NAMES) {
    const native: unknown = Reflect.get(globalThis, name);
    if (isConstructor(native)) replace(name, native, construct, count);
  }
}

function isConstructor(value: unknown): value is Constructor {
  return typeof value === "function";
}

function replace(
  name: string,
  native: Constructor,
  construct: typeof Reflect.construct,
  count: (made: ArrayBuffer | ArrayBufferView<ArrayBuffer>, source: unknown) => void,
): void {
  // A function of its own for each: shared by all types it would be compiled for none.
  function counting(first: unknown, second: unknown, third: unknown): object {
    if (new.target === undefined) throw new TypeError(`Constructor ${name} requires 'new'`);
    const made: ArrayBuffer | ArrayBufferView<ArrayBuffer> = construct(
      native,
      [first, second, third],
      new.target,
    );
    if (made.byteLength >= COUNTED_BYTES || "resizable" in made) count(made, first);
    return made;
  }
  Object.defineProperty(counting, "name", { value: name });
  Object.defineProperty(counting, "length", { value: native.length });
  Object.defineProperty(counting, "prototype", { value: native.prototype, writable: false });
  Object.setPrototypeOf(counting, native);
  Object.defineProperty(native.prototype, "constructor", { value: counting });
  Object.defineProperty(globalThis, name, { value: counting });
}
