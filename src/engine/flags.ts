import { OptimizerError } from "../base/errors.ts";

/** Switches of the engine. */
export interface Flags {
  /** Most tokens of the value that one request returns. Default 1,000. */
  readonly maxTokensPerRequest: number;
}

/** The smallest budget in which a cut value can still say what is missing. Tokens. */
export const MIN_TOKENS_PER_REQUEST = 16;

/** Completes flags. Throws 400 for a value that makes no sense. */
export function resolveFlags(flags: Partial<Flags> = {}): Flags {
  const { maxTokensPerRequest = 1_000 } = flags;
  if (!Number.isInteger(maxTokensPerRequest) || maxTokensPerRequest < MIN_TOKENS_PER_REQUEST) {
    throw new OptimizerError(`flags.maxTokensPerRequest is ${maxTokensPerRequest}`, {
      code: 400,
      kind: "invalid_flags",
      hint: `Choose a whole number of at least ${MIN_TOKENS_PER_REQUEST} tokens.`,
    });
  }
  return { maxTokensPerRequest };
}
