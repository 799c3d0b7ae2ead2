/** Cuts a stream of UTF-8 bytes into lines. */
export class TextLines {
  readonly #decoder = new TextDecoder();
  readonly #take: (line: string) => void;
  #rest = "";

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** Returns the number of bytes that were taken: all of them. */
  write(bytes: Uint8Array): number {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
    // A line without end is cut: it counts as output all the same.
    if (this.#rest.length > MAX_LINE_CHARACTERS) this.end();
    return bytes.length;
  }

  /** What was written last may lack the end of its line. */
  end(): void {
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
  }
}

const MAX_LINE_CHARACTERS = 64 * 1024;
