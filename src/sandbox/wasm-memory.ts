/** The size of a WebAssembly page. Bytes. */
export const WASM_PAGE_BYTES = 65_536;

const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;

/**
 * Rewrites the maximum of a module's own memory, so that the engine of the browser refuses to grow
 * it further. Throws for a module that defines no memory.
 *
 * Format: WebAssembly core specification, section 5.5.8 (memory section) and 5.2.2 (LEB128).
 */
export function capWasmMemory(module: Uint8Array, maxPages: number): Uint8Array<ArrayBuffer> {
  let offset = 8;
  while (offset < module.length) {
    const id = module[offset];
    const [size, body] = readUnsigned(module, offset + 1);
    const end = body + size;
    if (id === MEMORY_SECTION) {
      const [, flagsAt] = readUnsigned(module, body);
      const [flags, minimumAt] = readUnsigned(module, flagsAt);
      const [minimum] = readUnsigned(module, minimumAt);
      const content = [
        1,
        flags | HAS_MAXIMUM,
        ...writeUnsigned(minimum),
        ...writeUnsigned(Math.max(minimum, maxPages)),
      ];
      const section = [MEMORY_SECTION, ...writeUnsigned(content.length), ...content];
      const capped = new Uint8Array(module.length - (end - offset) + section.length);
      capped.set(module.subarray(0, offset));
      capped.set(section, offset);
      capped.set(module.subarray(end), offset + section.length);
      return capped;
    }
    offset = end;
  }
  throw new Error("The module defines no memory.");
}

function readUnsigned(bytes: Uint8Array, offset: number): [value: number, next: number] {
  let value = 0;
  let factor = 1;
  for (let at = offset; ; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error("The module ends in the middle of a number.");
    value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte < 0x80) return [value, at + 1];
  }
}

function writeUnsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}
