import { readStream } from "./read-stream.ts";

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
  return readStream(readable, maxBytes);
}
