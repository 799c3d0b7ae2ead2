import { parse } from "acorn";
import type { ProgramError } from "../protocol/guest-protocol.ts";
import type { Position, PreparedProgram } from "../protocol/prepared-program.ts";
import { originalPlaces, RETURN } from "./program-places.ts";

/** Lines that stand before the program in what the engine sees. */
const HEAD = "(async()=>{\n";

/** Takes the types out of a program. Throws an `Error` that names the place of what is none. */
export type StripTypes = (code: string) => Pick<PreparedProgram, "map"> & { readonly code: string };

/** Prepares a program: it becomes one function whose value is its last expression. A syntax error comes back as data. */
export function prepareProgram(
  language: "javascript" | "typescript",
  code: string,
  stripTypes: StripTypes,
): PreparedProgram | ProgramError {
  let stripped: ReturnType<StripTypes> = { code };
  try {
    if (language === "typescript") stripped = stripTypes(code);
  } catch (error) {
    return syntaxError(error, "typescript", (at) => at);
  }
  const { code: body, map } = stripped;
  const more = map === undefined ? {} : { map };
  const prepared = { filename: language === "typescript" ? "program.ts" : "program.js", ...more };
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
    if (last?.type !== "ExpressionStatement" || !last.loc) return { ...prepared, source: wrap(body) };
    const { line, column } = last.loc.start;
    const source = wrap(`${body.slice(0, last.start)}${RETURN}${body.slice(last.start)}`);
    return { ...prepared, source, returns: { line, column } };
  } catch (error) {
    const original = map === undefined ? undefined : originalPlaces(map);
    // Acorn counts columns from 0.
    return syntaxError(error, language, ({ line, column }) => {
      const at = { line, column: column + 1 };
      return original?.(at) ?? at;
    });
  }
}

function wrap(body: string): string {
  return `${HEAD}${body.startsWith("#!") ? "//" : ""}${body}\n})()`;
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
