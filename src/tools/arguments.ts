import { dereference, type Schema, validate } from "@cfworker/json-schema";
import { isJsonObject } from "../base/json.ts";
import { type ArgumentProblem, problemsOf } from "./argument-problem.ts";
import { type ArgumentSize, type PreparedSchema, prepareSchema } from "./argument-schema.ts";
import type { JsonSchema } from "./tool.ts";

export type { ArgumentProblem } from "./argument-problem.ts";

/** Larger or deeper arguments are left to the server's own check. */
const MAX_NODES = 50_000;
const MAX_DEPTH = 200;

/** What nearly all calls stay below: for these a schema is prepared once. */
const USUAL_SIZE: ArgumentSize = { nodes: 200, longest: 2_000 };

/**
 * Checks the arguments of a call against the tool's schema before anything is sent.
 *
 * Never throws and always ends soon: a schema that cannot be used, or that takes too much work, is
 * not checked (the server still does). Costly `pattern`s are skipped and remote references are never
 * fetched. At most five problems; none when the arguments fit.
 */
export type LocalChecker = (schema: JsonSchema | undefined, args: unknown) => readonly ArgumentProblem[];

/**
 * The same, which may work somewhere else: it rejects when `signal` aborts, and with 500 `check_failed` when that
 * place fails. Nothing was checked then. `json` is the text of the arguments, where there is one.
 */
export type ArgumentChecker = (
  schema: JsonSchema | undefined,
  args: unknown,
  options?: { readonly json?: string; readonly signal?: AbortSignal },
) => readonly ArgumentProblem[] | Promise<readonly ArgumentProblem[]>;

/**
 * A checker that remembers the schemas it has prepared, for as long as they are in use elsewhere. It holds its
 * thread for about 6 ms for each thousand of values, up to `maxNodes` of them.
 */
export function createArgumentChecker(maxNodes: number = MAX_NODES): LocalChecker {
  const usual = new WeakMap<JsonSchema, Compiled | "unusable">();
  const compiledFor = (schema: JsonSchema, size: ArgumentSize): Compiled | "unusable" => {
    if (size.nodes > USUAL_SIZE.nodes || size.longest > USUAL_SIZE.longest) return compile(schema, size);
    const known = usual.get(schema) ?? compile(schema, USUAL_SIZE);
    usual.set(schema, known);
    return known;
  };
  return (schema, args) => {
    const value: unknown = args === undefined ? {} : args;
    const size = schema === undefined ? undefined : findArgumentSize(value, maxNodes);
    if (schema === undefined || size === undefined) return [];
    const compiled = compiledFor(schema, size);
    if (compiled === "unusable") return [];
    const { prepared, lookup } = compiled;
    prepared.startWork();
    try {
      const { valid, errors } = validate(value, prepared.schema, "2020-12", lookup, false);
      return valid ? [] : problemsOf(errors, { schema, value });
    } catch {
      return [];
    }
  };
}

interface Compiled {
  readonly prepared: PreparedSchema;
  readonly lookup: Record<string, Schema | boolean>;
}

function compile(schema: JsonSchema, size: ArgumentSize): Compiled | "unusable" {
  try {
    const prepared = prepareSchema(schema, size);
    return prepared === undefined ? "unusable" : { prepared, lookup: dereference(prepared.schema) };
  } catch {
    return "unusable";
  }
}

/** `undefined` for arguments of more nodes, and for those that nest too deep: looking at them ends there. */
export function findArgumentSize(value: unknown, maxNodes: number): ArgumentSize | undefined {
  let nodes = 0;
  let longest = 0;
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    nodes += level.length;
    if (nodes > maxNodes || depth > MAX_DEPTH) return undefined;
    const next: unknown[] = [];
    for (const one of level) {
      if (typeof one === "string") longest = Math.max(longest, one.length);
      else if (Array.isArray(one)) for (const child of one) next.push(child);
      else if (isJsonObject(one)) {
        for (const key of Object.keys(one)) {
          longest = Math.max(longest, key.length);
          next.push(one[key]);
        }
      }
      if (nodes + next.length > maxNodes) return undefined;
    }
    level = next;
  }
  return { nodes, longest };
}
