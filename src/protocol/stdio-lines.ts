// What crosses here: messages as lines of a process's standard streams. Other output of the same
// process, and of its children, lies between them; so each message is a line of its own with a mark.
// Each process gets a mark of its own as its first line, so that nobody writes a message by chance, or by
// knowing ours. It proves nothing: who reads the runtime's memory reads the mark too.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import type { Thaw } from "./freeze-messages.ts";
import { messageCharacters, type RuntimeCommand, type RuntimeLimits } from "./guest-protocol.ts";

/** What stands in front of each message of one process. */
export type Mark = `mcp-optimizer:${string}:`;

export function createMark(): Mark {
  return `mcp-optimizer:${crypto.randomUUID()}:`;
}

/** What a process is told in its first line. */
export interface Opening {
  readonly mark: Mark;
  /** No program waits for it: it loads all that one may need before it says that it is ready. */
  readonly isSpare: boolean;
}

/** The first line that a process is given. */
export function toOpening({ mark, isSpare }: Opening): string {
  return `${isSpare ? "spare " : ""}${mark}\n`;
}

/** Reads what {@link toOpening} wrote. Throws for any other line. */
export function parseOpening(line: string): Opening {
  const [, spare, id] = /^(spare )?mcp-optimizer:([\da-f-]{36}):$/.exec(line) ?? [];
  if (id === undefined) throw new Error("The first line is no mark.");
  return { mark: `mcp-optimizer:${id}:`, isSpare: spare !== undefined };
}

/**
 * One message as text for a stream. Pure ASCII without control characters: streams are cut between
 * bytes, and a terminal on the way would act on some of them. Starts on a line of its own, whatever
 * was written before.
 */
export function toLine(message: unknown, mark: Mark): string {
  const json = JSON.stringify(message).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `\n${mark}${json}\n`;
}

type RunCommand = Extract<RuntimeCommand, { type: "run" }>;

/** A command as a line carries it: a snapshot is base64. */
export type LineCommand =
  | Exclude<RuntimeCommand, RunCommand>
  | (Omit<RunCommand, "thaw"> & { readonly thaw?: Omit<Thaw, "snapshot"> & { readonly snapshot: string } });

export function toLineCommand(command: RuntimeCommand): LineCommand {
  if (command.type !== "run") return command;
  const { thaw, ...run } = command;
  return thaw === undefined ? run : { ...run, thaw: { ...thaw, snapshot: encodeBase64(thaw.snapshot) } };
}

export function fromLineCommand(command: LineCommand): RuntimeCommand {
  if (command.type !== "run") return command;
  const { thaw, ...run } = command;
  return thaw === undefined ? run : { ...run, thaw: { ...thaw, snapshot: decodeBase64(thaw.snapshot) } };
}

/** The JSON text of a marked line; `undefined` for every other line, such as a mark that a terminal echoes. */
export function findMessage(line: string, mark: Mark): string | undefined {
  return line.startsWith(mark) && line !== mark ? line.slice(mark.length) : undefined;
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
