// The way back from the places that an engine names in a prepared program to the text as it was written.

import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { ProgramError } from "../protocol/guest-protocol.ts";
import type { Position, PreparedProgram } from "../protocol/prepared-program.ts";

/** What the preparation puts before a program's last expression. */
export const RETURN = "return ";

/** A frame of QuickJS or V8: `    at name (file:line:column)`. */
const FRAME = /^\s*at (.*?) ?\(?([\w.]+):(\d+):(\d+)\)?$/;

/** Translates an engine's stack: the first position and the frames that belong to the program. */
export function locateInProgram(
  stack: string,
  program: PreparedProgram,
): Pick<ProgramError, "line" | "column" | "stack"> {
  const { filename, source } = program;
  // The function around the program is one line before it and one behind.
  const lines = source.split("\n").length - 2;
  const toGuest = placesOf(program);
  const frames: { readonly name: string; readonly at: Position }[] = [];
  for (const line of stack.split("\n")) {
    const [, name, file, row, column] = FRAME.exec(line) ?? [];
    // The first line and the one behind the last are ours: the function around the program.
    if (file !== filename || name === "<eval>" || Number(row) < 2 || Number(row) > lines + 1) continue;
    frames.push({ name: name || "<anonymous>", at: toGuest({ line: Number(row), column: Number(column) }) });
  }
  const [first] = frames;
  if (first === undefined) return {};
  const shown = frames.map(({ name, at }) => `    at ${name} (${filename}:${at.line}:${at.column})`);
  return { line: first.at.line, column: first.at.column, stack: shown.join("\n") };
}

/** From a place in the prepared source to the one in the program's text. */
function placesOf({ returns, map }: PreparedProgram): (at: Position) => Position {
  const original = map === undefined ? (at: Position) => at : originalPlaces(map);
  return ({ line: row, column: at }) => {
    const line = row - 1;
    // A position on the inserted word itself is one on the expression behind it.
    const column =
      returns !== undefined && line === returns.line && at > returns.column
        ? Math.max(returns.column + 1, at - RETURN.length)
        : at;
    return original({ line, column });
  };
}

/** From a place in the stripped text to the one in the text with its types. Lines and columns count from 1. */
export function originalPlaces(map: NonNullable<PreparedProgram["map"]>): (at: Position) => Position {
  const trace = new TraceMap({ version: 3, names: [], sources: ["program.ts"], mappings: map });
  return ({ line, column }) => {
    const found = originalPositionFor(trace, { line, column: Math.max(0, column - 1) });
    return found.line === null ? { line, column } : { line: found.line, column: found.column + 1 };
  };
}
