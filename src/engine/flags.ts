import { OptimizerError } from "../base/errors.ts";

/** Switches of the engine. */
export interface Flags {
  /** Most tokens of the value that one request returns. Default 1,000. */
  readonly maxTokensPerRequest: number;
}

/** Completes flags. Throws 400 for a value that makes no sense. */
export function resolveFlags(flags: Partial<Flags> = {}): Flags {
  const { maxTokensPerRequest = 1_000 } = flags;
  if (!Number.isInteger(maxTokensPerRequest) || maxTokensPerRequest < 16) {
    throw new OptimizerError(`flags.maxTokensPerRequest is ${maxTokensPerRequest}`, {
      code: 400,
      kind: "invalid_flags",
      hint: "Choose a whole number of at least 16 tokens.",
    });
  }
  return { maxTokensPerRequest };
}
