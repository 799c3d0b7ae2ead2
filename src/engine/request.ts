import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { TOOL_NAME } from "../capabilities/manifest.ts";
import type { IntentOptions, IntentRouter } from "./intent-router.ts";
import { type JsonRpcId, type JsonRpcResponse, respondWithError, respondWithRun } from "./json-rpc.ts";
import { invalidRequest, isLanguage, type ProgramInput } from "./program-input.ts";
import type { ProgramRunner } from "./program-runner.ts";

/** A request by intent: `run_code`, a defined intent, or a tool as `server.tool` (or its bare name where only one server has it). */
export interface IntentRequest {
  readonly intent: string;
  readonly params?: JsonObject;
  readonly id?: JsonRpcId;
}

/** Answers one request. Never rejects: every failure is an error response. */
export async function executeRequest(
  request: IntentRequest,
  { runner, router }: { readonly runner: ProgramRunner; readonly router: IntentRouter },
  options: IntentOptions = {},
): Promise<JsonRpcResponse> {
  const id = readId(request);
  try {
    const { intent, params } = readIntent(request);
    const result =
      intent === TOOL_NAME
        ? await runner.run(readProgram(params), options)
        : await router.execute(intent, params, options);
    return respondWithRun(id, result);
  } catch (error) {
    return respondWithError(id, error);
  }
}

/** The model's input to the one tool, which may be anything. Throws 400. */
export function readProgram(input: unknown): ProgramInput {
  const { code, language, inputs } = readFields(input, ["code", "language", "inputs"]) ?? {};
  if (typeof code !== "string") {
    throw new OptimizerError(`${TOOL_NAME} takes { "code": "…" }.`, {
      code: 400,
      kind: "invalid_request",
      hint: 'Send the program as text in "code" and end it with return.',
    });
  }
  return {
    code,
    ...(language === undefined ? {} : { language: readLanguage(language) }),
    ...(inputs === undefined ? {} : { inputs }),
  };
}

function readLanguage(value: unknown): NonNullable<ProgramInput["language"]> {
  if (isLanguage(value)) return value;
  throw new OptimizerError(`There is no language ${String(JSON.stringify(value)).slice(0, 100)}.`, {
    code: 400,
    kind: "invalid_request",
    hint: 'Write "typescript", "javascript" or "python".',
  });
}

/** The named fields of what may be anything; `undefined` when it is no object, or when reading it throws. */
function readFields<K extends string>(
  value: unknown,
  names: readonly K[],
): { [name in K]?: unknown } | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields: { [name in K]?: unknown } = {};
  try {
    for (const name of names) fields[name] = Reflect.get(value, name);
  } catch {
    return undefined;
  }
  return fields;
}

function readId(request: unknown): JsonRpcId {
  const { id } = readFields(request, ["id"]) ?? {};
  return typeof id === "string" || typeof id === "number" ? id : null;
}

function readIntent(request: IntentRequest): { readonly intent: string; readonly params: JsonObject } {
  const { intent, params = {} } = readFields(request, ["intent", "params"]) ?? {};
  if (typeof intent === "string" && isJsonObject(params)) return { intent, params };
  throw invalidRequest("A request names an `intent` and gives its `params` as an object.");
}
