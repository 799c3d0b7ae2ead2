import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { TOOL_NAME } from "../capabilities/manifest.ts";
import { requireTool } from "../tools/broker.ts";
import type { Catalog } from "../tools/catalog.ts";
import { type JsonRpcId, type JsonRpcResponse, respondWithError, respondWithRun } from "./json-rpc.ts";
import { isLanguage, type ProgramInput, type ProgramRunner, type RunOptions } from "./program-runner.ts";

/** A request by intent: `run_code`, or a tool as `server.tool` (or its bare name where only one server has it). */
export interface IntentRequest {
  readonly intent: string;
  readonly params?: JsonObject;
  readonly id?: JsonRpcId;
}

/** Answers one request. Never rejects: every failure is an error response. */
export async function executeRequest(
  request: IntentRequest,
  runner: ProgramRunner,
  catalog: Catalog,
  options: RunOptions = {},
): Promise<JsonRpcResponse> {
  const id = readId(request);
  try {
    return respondWithRun(id, await runner.run(programFor(request, catalog), options));
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

function programFor(request: IntentRequest, catalog: Catalog): ProgramInput {
  const { intent, params = {} } = readFields(request, ["intent", "params"]) ?? {};
  if (typeof intent !== "string" || !isJsonObject(params)) {
    throw new OptimizerError("A request names an `intent` and gives its `params` as an object.", {
      code: 400,
      kind: "invalid_request",
    });
  }
  if (intent === TOOL_NAME) return readProgram(params);
  // The name reaches the program as data, like the parameters.
  return {
    language: "javascript",
    code: "const [server, tool] = inputs.tool; return await tools[server][tool](inputs.params)",
    inputs: { tool: toolPath(catalog, intent), params },
  };
}

function toolPath(catalog: Catalog, intent: string): readonly [string, string] {
  const bare = catalog.tools.filter(
    ({ identifier, definition }) => identifier === intent || definition.name === intent,
  );
  const [only] = bare;
  const tool = only !== undefined && bare.length === 1 ? only : requireIntent(catalog, intent);
  return [tool.namespace, tool.identifier];
}

function requireIntent(catalog: Catalog, intent: string): ReturnType<typeof requireTool> {
  try {
    return requireTool(catalog, intent);
  } catch (cause) {
    const { kind, hint } = findOptimizerError(cause) ?? {};
    // The tool of a server that is away may well exist.
    if (kind !== "unknown_tool") throw cause;
    throw new OptimizerError(`There is no intent ${intent.slice(0, 200)}.`, {
      code: 400,
      kind: "unknown_intent",
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
