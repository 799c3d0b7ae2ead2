// What crosses here: what a container writes, in the frames of Docker's attach stream. A guest chooses the bytes in
// the frames; the frames are the daemon's.

import type { Readable } from "node:stream";

/** Kind, three zeros, and the length of what follows, big-endian. */
const HEADER_BYTES = 8;
const STDOUT = 1;

/**
 * Standard output of a container that is attached without a terminal, as text. Ends with the connection, also with
 * one that breaks: how the container ended is asked elsewhere.
 */
export async function* readStdout(stream: Readable): AsyncGenerator<string, void, undefined> {
  const frames = new FrameReader();
  try {
    for await (const piece of stream) {
      const text = frames.push(piece);
      if (text !== "") yield text;
    }
  } catch {
    // It broke, or was closed by us.
  }
}

/** Takes frames apart without holding back what came of them. */
class FrameReader {
  readonly #decoder = new TextDecoder();
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #kind = 0;
  #left = 0;

  /** The text of standard output in these bytes. */
  push(bytes: Uint8Array): string {
    let text = "";
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#left === 0) {
        rest = this.#readHeader(rest);
        continue;
      }
      const payload = rest.subarray(0, this.#left);
      if (this.#kind === STDOUT) text += this.#decoder.decode(payload, { stream: true });
      this.#left -= payload.length;
      rest = rest.subarray(payload.length);
    }
    return text;
  }

  #readHeader(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, HEADER_BYTES - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      [this.#kind = 0] = this.#header;
      this.#left = new DataView(this.#header.buffer).getUint32(4);
    }
    return bytes.subarray(part.length);
  }
}
