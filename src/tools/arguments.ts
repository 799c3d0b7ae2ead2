import { dereference, type Schema, validate } from "@cfworker/json-schema";
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
export type ArgumentChecker = (schema: JsonSchema | undefined, args: unknown) => readonly ArgumentProblem[];

/** A checker that remembers the schemas it has prepared, for as long as they are in use elsewhere. */
export function createArgumentChecker(): ArgumentChecker {
  const usual = new WeakMap<JsonSchema, Compiled | "unusable">();
  const compiledFor = (schema: JsonSchema, size: ArgumentSize): Compiled | "unusable" => {
    if (size.nodes > USUAL_SIZE.nodes || size.longest > USUAL_SIZE.longest) return compile(schema, size);
    const known = usual.get(schema) ?? compile(schema, USUAL_SIZE);
    usual.set(schema, known);
    return known;
  };
  return (schema, args) => {
    const value: unknown = args === undefined ? {} : args;
    const size = schema === undefined ? undefined : sizeOf(value);
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

function sizeOf(value: unknown): ArgumentSize | undefined {
  let nodes = 0;
  let longest = 0;
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }];
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    nodes += 1;
    if (typeof entry.value === "string") longest = Math.max(longest, entry.value.length);
    if (typeof entry.value !== "object" || entry.value === null) continue;
    for (const [key, child] of Object.entries(entry.value)) {
      if (!Array.isArray(entry.value)) longest = Math.max(longest, key.length);
      open.push({ value: child, depth: entry.depth + 1 });
    }
    if (nodes + open.length > MAX_NODES || entry.depth > MAX_DEPTH) return undefined;
  }
  return { nodes, longest };
}
