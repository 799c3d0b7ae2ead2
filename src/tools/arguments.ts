import { type ArgumentProblem, problemsOf } from "./argument-problem.ts";
import { type ArgumentSize, prepareSchema } from "./argument-schema.ts";
import type { JsonSchema } from "./tool.ts";

export type { ArgumentProblem } from "./argument-problem.ts";

/** Larger or deeper arguments are left to the server's own check. */
const MAX_NODES = 50_000;
const MAX_DEPTH = 200;

/**
 * Checks the arguments of a call against the tool's schema before anything is sent.
 *
 * Never rejects and always ends soon: a schema that cannot be used, or that takes too much work, is
 * not checked (the server still does). Costly `pattern`s are skipped and remote references are never
 * fetched. At most five problems; none when the arguments fit.
 */
export async function checkArguments(
  schema: JsonSchema | undefined,
  args: unknown,
): Promise<ArgumentProblem[]> {
  const value: unknown = args === undefined ? {} : args;
  const size = schema === undefined ? undefined : sizeOf(value);
  if (schema === undefined || size === undefined) return [];
  const { validate } = await import("@cfworker/json-schema");
  try {
    const prepared = prepareSchema(schema, size);
    if (prepared === undefined) return [];
    const { valid, errors } = validate(value, prepared, "2020-12", undefined, false);
    return valid ? [] : problemsOf(errors, { schema, value });
  } catch {
    return [];
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
