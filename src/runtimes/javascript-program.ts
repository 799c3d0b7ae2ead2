// Guest source text becomes one function whose value is the program's value, and positions in it
// keep their way back to the text as it was written.

import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { parse } from "acorn";
import { transform } from "sucrase";
import type { ProgramError } from "../protocol/guest-protocol.ts";

/** A program that is ready to be evaluated, and the way back from its positions. */
export interface PreparedProgram {
  readonly source: string;
  readonly filename: string;
  /** Translates an engine's stack: the first position and the frames that belong to the program. */
  locate(stack: string): Pick<ProgramError, "line" | "column" | "stack">;
}

interface Position {
  readonly line: number;
  readonly column: number;
}

/** Lines that stand before the program in what the engine sees. */
const HEAD = "(async()=>{\n";
const RETURN = "return ";

/** Prepares a program; a syntax error comes back as data. */
export function prepareProgram(
  language: "javascript" | "typescript",
  code: string,
): PreparedProgram | ProgramError {
  const stripped = language === "typescript" ? stripTypes(code) : { code, original: (at: Position) => at };
  if ("name" in stripped) return stripped;
  let insertion: Position | undefined;
  let body = stripped.code;
  try {
    const program = parse(body, {
      ecmaVersion: "latest",
      sourceType: "script",
      locations: true,
      allowReturnOutsideFunction: true,
      allowAwaitOutsideFunction: true,
      allowHashBang: true,
    });
    const last = program.body.findLast((statement) => statement.type !== "EmptyStatement");
    if (last?.type === "ExpressionStatement" && last.loc) {
      insertion = last.loc.start;
      body = `${body.slice(0, last.start)}${RETURN}${body.slice(last.start)}`;
    }
  } catch (error) {
    // Acorn counts columns from 0.
    return syntaxError(error, language, ({ line, column }) =>
      stripped.original({ line, column: column + 1 }),
    );
  }
  const filename = language === "typescript" ? "program.ts" : "program.js";
  const toGuest = (at: Position): Position => {
    const line = at.line - 1;
    // A position on the inserted word itself is one on the expression behind it.
    const column =
      insertion !== undefined && line === insertion.line && at.column > insertion.column
        ? Math.max(insertion.column + 1, at.column - RETURN.length)
        : at.column;
    return stripped.original({ line, column });
  };
  return {
    source: `${HEAD}${body.startsWith("#!") ? "//" : ""}${body}\n})()`,
    filename,
    locate: (stack) => locate(stack, filename, body.split("\n").length, toGuest),
  };
}

function stripTypes(code: string): { code: string; original: (at: Position) => Position } | ProgramError {
  try {
    const result = transform(code, {
      transforms: ["typescript"],
      disableESTransforms: true,
      keepUnusedImports: true,
      filePath: "program.ts",
      sourceMapOptions: { compiledFilename: "program.js" },
    });
    const { sourceMap } = result;
    if (sourceMap === undefined) return { code: result.code, original: (at) => at };
    const { mappings, names, sources } = sourceMap;
    const map = new TraceMap({ version: 3, mappings, names, sources });
    return {
      code: result.code,
      original: ({ line, column }) => {
        const found = originalPositionFor(map, { line, column: Math.max(0, column - 1) });
        return found.line === null ? { line, column } : { line: found.line, column: found.column + 1 };
      },
    };
  } catch (error) {
    return syntaxError(error, "typescript", (at) => at);
  }
}

/** Acorn and Sucrase both add the position to the message; we keep it apart. */
function syntaxError(
  error: unknown,
  language: "javascript" | "typescript",
  original: (at: Position) => Position,
): ProgramError {
  const text = error instanceof Error ? error.message : String(error);
  const message = text.replace(/^Error transforming [^:]+: /, "").replace(/ \(\d+:\d+\)$/, "");
  const at = /\((\d+):(\d+)\)/.exec(text);
  const base = { name: "SyntaxError", message, kind: "syntax" };
  const hint = syntaxHint(message, language);
  const place = at === null ? {} : original({ line: Number(at[1]), column: Number(at[2]) });
  return { ...base, ...place, ...(hint === undefined ? {} : { hint }) };
}

function syntaxHint(message: string, language: "javascript" | "typescript"): string | undefined {
  if (/'import'|'export'/.test(message)) {
    return "A program has no modules: reach tools as tools.<server>.<tool>(args) and give the value with return.";
  }
  if (language === "javascript") return 'If the program holds types, send it with language: "typescript".';
  return undefined;
}

/** A frame of QuickJS or V8: `    at name (file:line:column)`. */
const FRAME = /^\s*at (.*?) ?\(?([\w.]+):(\d+):(\d+)\)?$/;

function locate(
  stack: string,
  filename: string,
  lines: number,
  toGuest: (at: Position) => Position,
): Pick<ProgramError, "line" | "column" | "stack"> {
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
