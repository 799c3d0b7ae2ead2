import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";

/** Asks a tokenizer worker for the tokens of each text. */
export interface CountCommand {
  readonly type: "count";
  readonly texts: readonly string[];
}

/** Reads the answer to a {@link CountCommand} for `length` texts. Throws 500 for anything else. */
export function parseCounts(data: unknown, length: number): readonly number[] {
  const answer = typeof data === "string" ? parseJson(data) : undefined;
  const counts = isJsonObject(answer) ? answer.counts : undefined;
  if (Array.isArray(counts) && counts.length === length && counts.every((count) => typeof count === "number"))
    return counts;
  throw new OptimizerError("The tokenizer answered with something else than counts.", {
    code: 500,
    kind: "tokenizer_failed",
  });
}
