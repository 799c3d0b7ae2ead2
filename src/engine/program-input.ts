import { messageOf, OptimizerError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { Language, Program } from "../protocol/guest-protocol.ts";
import type { Limits } from "../sandbox/limits.ts";

/** A program to run. */
export interface ProgramInput {
  /** Default `typescript`, which takes JavaScript too. */
  readonly language?: Language;
  readonly code: string;
  /** Data for the program, which finds it as `inputs`: anything that JSON can hold. Default `{}`. */
  readonly inputs?: unknown;
}

const LANGUAGES = new Set<unknown>(["javascript", "typescript", "python"] satisfies Language[]);

/** True for the name of a language that programs are written in. */
export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.has(value);
}

/** Callers are often models: every field is checked as if it came from outside. */
export function resolveProgram(input: ProgramInput, limits: Limits): Program {
  const { language, code, json } = readInput(input);
  if (typeof code !== "string") throw invalidRequest("`code` must be the program's text.");
  if (!isLanguage(language))
    throw invalidRequest('`language` must be "typescript", "javascript" or "python".');
  if (json === undefined || parseJson(json) === undefined) throw invalidRequest("`inputs` must be JSON.");
  if (textBytes(code) > limits.maxMessageBytes || textBytes(json) > limits.maxMessageBytes) {
    throw new OptimizerError(`The program or its inputs exceed ${limits.maxMessageBytes} bytes.`, {
      code: 429,
      kind: "program_too_large",
      hint: "Send a shorter program; large data belongs in a tool or in context.",
    });
  }
  return { language, code, inputs: json };
}

/** Reads the fields once; a getter that throws and inputs that refer to themselves are the caller's mistake. */
function readInput(input: ProgramInput): { language: unknown; code: unknown; json: string | undefined } {
  try {
    const { language = "typescript", code, inputs = {} } = input ?? {};
    return { language, code, json: JSON.stringify(inputs) };
  } catch (error) {
    throw invalidRequest(`The program can't be read: ${messageOf(error)}`);
  }
}

/** A request that makes no sense. */
export function invalidRequest(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_request" });
}
