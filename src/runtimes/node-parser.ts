import type { ProgramError } from "../protocol/guest-protocol.ts";
import { addModulesHint } from "../protocol/modules-hint.ts";
import type { PreparedProgram } from "../protocol/prepared-program.ts";
import { prepareProgram } from "./javascript-program.ts";
import { stripTypes } from "./strip-types.ts";

export type PrepareNodeProgram = (
  language: "javascript" | "typescript",
  code: string,
) => PreparedProgram | ProgramError;

/** The parser of a Node process, a file beside the runner's: most programs come parsed, and it takes long to load. */
export const prepareNodeProgram: PrepareNodeProgram = (language, code) => {
  const prepared = prepareProgram(language, code, stripTypes);
  return "source" in prepared ? prepared : addModulesHint(prepared);
};
