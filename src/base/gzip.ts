/** Compresses bytes. `undefined` when the result is longer than `maxBytes`. */
export function gzip(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return pass(bytes, new CompressionStream("gzip"), maxBytes);
}

/**
 * What {@link gzip} compressed. `undefined` when it is longer than `maxBytes`: a bomb is given up before it
 * has grown. Rejects for bytes that are no gzip.
 */
export function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return pass(bytes, new DecompressionStream("gzip"), maxBytes);
}

async function pass(
  bytes: Uint8Array<ArrayBuffer>,
  { readable, writable }: GenericTransformStream,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> = writable.getWriter();
  // What is wrong with the bytes, the reader hears too.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  const reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> = readable.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > maxBytes) {
      reader.cancel().catch(() => {});
      return undefined;
    }
    pieces.push(next.value);
  }
  const whole = new Uint8Array(length);
  let end = 0;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.length;
  }
  return whole;
}
