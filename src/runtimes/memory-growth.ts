/**
 * Holds every WebAssembly memory of this realm that grows by JavaScript, as Python's does, to the bytes that the
 * returned function is given last. A module has a maximum of its own, which is set before anybody knows the program's.
 */
export function limitGrowth(): (maxBytes: number) => void {
  const { prototype } = WebAssembly.Memory;
  const grow: (this: WebAssembly.Memory, pages: number) => number = Reflect.get(prototype, "grow");
  let most = Number.POSITIVE_INFINITY;
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * WASM_PAGE_BYTES > most) throw new RangeError("no more memory");
    return grow.call(this, pages);
  };
  return (maxBytes) => {
    most = maxBytes;
  };
}

const WASM_PAGE_BYTES = 65_536;
