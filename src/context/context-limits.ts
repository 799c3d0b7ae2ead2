import { OptimizerError } from "../base/errors.ts";

/** How much contexts may hold. */
export interface ContextLimits {
  /** Keys and values of one session together, engine data included; texts as UTF-8. Bytes. */
  readonly maxSessionBytes: number;
  /** Keys of one session, engine data included: its index is written with every change. */
  readonly maxSessionKeys: number;
  /** All sessions together. Bytes. The session unused longest goes first. */
  readonly maxTotalBytes: number;
  /** Sessions kept. The one unused longest goes first. */
  readonly maxSessions: number;
}

/** What one session may hold where nobody says otherwise, and how many sessions there may be. */
export const SESSION_LIMITS = {
  maxSessionBytes: 16 * 1024 * 1024,
  maxSessionKeys: 10_000,
  maxSessions: 1_000,
} as const satisfies Partial<ContextLimits>;

/** Completes limits. Throws 400 `invalid_options` for what is no whole number above zero. */
export function resolveContextLimits(
  defaults: ContextLimits,
  overrides: Partial<ContextLimits> = {},
): ContextLimits {
  const limit = (name: keyof ContextLimits): number => {
    const value = overrides[name] ?? defaults[name];
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new OptimizerError(`\`${name}\` must be a whole number above zero.`, {
      code: 400,
      kind: "invalid_options",
    });
  };
  return {
    maxSessionBytes: limit("maxSessionBytes"),
    maxSessionKeys: limit("maxSessionKeys"),
    maxTotalBytes: limit("maxTotalBytes"),
    maxSessions: limit("maxSessions"),
  };
}
