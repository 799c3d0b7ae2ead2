import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import type { ArgumentChecker } from "../tools/arguments.ts";
import type { JsonSchema } from "../tools/tool.ts";
import {
  describeIssue,
  isStandardSchema,
  type StandardSchema,
  standardJsonSchema,
} from "./standard-schema.ts";

/**
 * A named operation with parameters. It maps to a tool, to a program, or to both: then both should give
 * the same value.
 */
export interface IntentDefinition {
  /** An identifier of up to 64 characters, such as `list_errors`. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the parameters, or a schema of a library that follows Standard Schema. Absent: any object. */
  readonly params?: JsonSchema | StandardSchema;
  /** `simple` goes to its tool first, `complex` to its program. Absent: whichever costs a model fewer tokens. */
  readonly complexity?: Complexity;
  /** The tool that does the same: its ref, and how its arguments come from the parameters. */
  readonly tool?: string | IntentTool;
  /** Finds the parameters as `params`. They are data: nothing of them becomes code. */
  readonly program?: IntentProgram;
}

/** How hard an operation is: `simple` ones go to their MCP tool first, `complex` ones to their program. */
export type Complexity = "simple" | "complex";

/** The MCP tool that carries out an intent. */
export interface IntentTool {
  readonly ref: string;
  /** Default: the parameters as they are. */
  readonly args?: (params: JsonObject) => JsonObject;
}

/** The program that carries out an intent. */
export interface IntentProgram {
  /** Default `typescript`. */
  readonly language?: Language;
  readonly code: string;
}

const NAME = /^[A-Za-z_][\w-]{0,63}$/;

/** Checks an intent and gives it back, for intents that are written apart from `createOptimizer`. Throws 400. */
export function defineIntent(intent: IntentDefinition): IntentDefinition {
  const wrong = (message: string, hint?: string): OptimizerError =>
    new OptimizerError(message, {
      code: 400,
      kind: "invalid_intent",
      ...(hint === undefined ? {} : { hint }),
    });
  const { name, description, tool, program, complexity, params } = intent;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw wrong(
      `${String(name).slice(0, 100)} is no name for an intent.`,
      "Use letters, digits, _ and -, at most 64; a dot stands in names of tools only.",
    );
  }
  if (typeof description !== "string" || description === "")
    throw wrong(`The intent ${name} has no description.`);
  if (tool === undefined && program === undefined) {
    throw wrong(`The intent ${name} does nothing.`, "Give it a `tool`, a `program`, or both.");
  }
  if (program !== undefined && typeof program.code !== "string")
    throw wrong(`The program of the intent ${name} has no code.`);
  if (complexity !== undefined && complexity !== "simple" && complexity !== "complex")
    throw wrong(`The intent ${name} has a complexity that does not exist.`, 'Write "simple" or "complex".');
  if (params !== undefined && (typeof params !== "object" || params === null) && typeof params !== "function")
    throw wrong(`The parameters of the intent ${name} have no schema.`);
  return intent;
}

/** The schema of an intent's parameters as JSON Schema, as far as its library can write one. */
export function paramsSchema({ params }: Pick<IntentDefinition, "params">): JsonSchema {
  if (params === undefined) return { type: "object" };
  if (!isStandardSchema(params)) return params;
  const json = standardJsonSchema(params, "input");
  return isJsonObject(json) ? json : { type: "object" };
}

/** The parameters as their schema has them, defaults included. Rejects with 400 `invalid_params` that names each fault. */
export async function readParams(
  intent: Pick<IntentDefinition, "name" | "params">,
  params: JsonObject,
  loadChecker: () => Promise<ArgumentChecker>,
): Promise<JsonObject> {
  if (intent.params === undefined) return params;
  if (!isStandardSchema(intent.params)) {
    const check = await loadChecker();
    const problems = await check(intent.params, params);
    if (problems.length > 0) throw invalidParams(intent.name, problems);
    return params;
  }
  const result = await intent.params["~standard"].validate(params);
  if (result.issues !== undefined)
    throw invalidParams(
      intent.name,
      result.issues.slice(0, 5).map((issue) => ({ message: describeIssue(issue) })),
    );
  if (!isJsonObject(result.value))
    throw invalidParams(intent.name, [{ message: "they are read as something that is no object" }]);
  return result.value;
}

function invalidParams(name: string, problems: readonly { readonly message: string }[]): OptimizerError {
  return new OptimizerError(
    `Wrong parameters for ${name}: ${problems.map(({ message }) => message).join("; ")}`,
    {
      code: 400,
      kind: "invalid_params",
      hint: `optimizer.intents.get("${name}") has their schema.`,
    },
  );
}
