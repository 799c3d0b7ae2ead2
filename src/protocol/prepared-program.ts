// What crosses here: programs that the parser's worker has read. They are guests' texts, and the worker
// only reads them; what it answers is checked all the same.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { Program, ProgramError } from "./guest-protocol.ts";
import { parseProgramError } from "./parse-runtime-message.ts";

/** A place in a text. Lines count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A program of JavaScript as an engine takes it, and what leads from its places to those of the text. */
export interface PreparedProgram {
  /** One function around the program. */
  readonly source: string;
  readonly filename: string;
  /** Where `return` was put before the last expression, if it was. Columns count from 0. */
  readonly returns?: Position;
  /** Mappings of the source map, when types were taken out. */
  readonly map?: string;
}

/** Asks the parser's worker for a {@link PreparedProgram}. */
export interface ParseCommand {
  readonly type: "parse";
  readonly language: "javascript" | "typescript";
  readonly code: string;
}

/** Most characters of the answer's JSON text: each of the program may be written as six, and has its place in the map. */
export function preparedCharacters({ code }: Pick<Program, "code">): number {
  return 16 * code.length + 64 * 1024;
}

/** Reads the answer to a {@link ParseCommand}. Throws 500 for anything else. */
export function parsePrepared(data: unknown): PreparedProgram | ProgramError {
  const answer = typeof data === "string" ? parseJson(data) : undefined;
  if (isJsonObject(answer) && isJsonObject(answer.error)) return parseProgramError(answer.error);
  const { source, filename, returns, map } = isJsonObject(answer) ? answer : {};
  const { line, column } = isJsonObject(returns) ? returns : {};
  if (
    typeof source !== "string" ||
    typeof filename !== "string" ||
    (map !== undefined && typeof map !== "string") ||
    (returns !== undefined && !(typeof line === "number" && typeof column === "number"))
  ) {
    throw new OptimizerError("The parser answered with something else than a program.", {
      code: 500,
      kind: "parser_failed",
    });
  }
  return {
    source,
    filename,
    ...(typeof line === "number" && typeof column === "number" ? { returns: { line, column } } : {}),
    ...(map === undefined ? {} : { map }),
  };
}
