// What crosses here: messages as lines of a process's standard streams. Other output of the same
// process, and of its children, lies between them; so each message is a line of its own with a mark.
// The mark tells apart and proves nothing: whoever can write to the stream can write it too.

import { messageCharacters, type RuntimeLimits } from "./guest-protocol.ts";

const MARK = "mcp-optimizer:";

/**
 * One message as text for a stream. Pure ASCII without control characters: streams are cut between
 * bytes, and a terminal on the way would act on some of them. Starts on a line of its own, whatever
 * was written before.
 */
export function toLine(message: unknown): string {
  const json = JSON.stringify(message).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `\n${MARK}${json}\n`;
}

/** The JSON text of a marked line; `undefined` for every other line. */
export function findMessage(line: string): string | undefined {
  return line.startsWith(MARK) ? line.slice(MARK.length) : undefined;
}

/** The longest line that a runtime may write, in characters: what {@link toLine} makes of two bytes takes up to six. */
export function lineCharacters(limits: Pick<RuntimeLimits, "maxMessageBytes" | "maxOutputBytes">): number {
  return 3 * messageCharacters(limits);
}

/** Puts lines together from the pieces of a stream. */
export class LineSplitter {
  /** Longest line that is taken. Characters. */
  maxCharacters: number;
  #rest = "";

  constructor(maxCharacters: number) {
    this.maxCharacters = maxCharacters;
  }

  /** The lines that this piece ends. Throws `RangeError` when a line gets longer than it may. */
  push(piece: string): readonly string[] {
    const [first = "", ...others] = piece.split("\n");
    const lines = [this.#rest + first, ...others];
    this.#rest = lines.pop() ?? "";
    if ([...lines, this.#rest].some((line) => line.length > this.maxCharacters)) {
      throw new RangeError(`a line of more than ${this.maxCharacters} characters`);
    }
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  }
}
