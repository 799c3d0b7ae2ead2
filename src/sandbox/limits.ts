import { OptimizerError } from "../base/errors.ts";

/** What one run may use. The page enforces every limit; the runtime beside the guest only answers sooner. */
export interface Limits {
  /** Time the program itself may take, waiting for tools not counted. Milliseconds. */
  readonly timeoutMs: number;
  /** Time the run may spend waiting for tools, in all. Milliseconds. */
  readonly toolWaitMs: number;
  /** Memory of the guest. Bytes. */
  readonly memoryBytes: number;
  /** Value and logs together, as UTF-8; each log entry counts 64 more. Bytes. */
  readonly maxOutputBytes: number;
  /** Tool calls, searches and context operations of one run. */
  readonly maxToolCalls: number;
  /** Calls that wait for an answer at one time; further ones wait their turn inside the guest. */
  readonly maxToolCallsInFlight: number;
  /** One message: the program, a call's arguments, an answer. Bytes. */
  readonly maxMessageBytes: number;
}

/** What a limit is where nothing is said, and the range that may be said. */
export interface LimitRule {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}

const MIB = 1024 * 1024;

/** Each limit's default and the range that a caller may choose from. */
export const LIMITS: Readonly<Record<keyof Limits, LimitRule>> = {
  timeoutMs: { initial: 30_000, min: 1, max: 600_000 },
  toolWaitMs: { initial: 120_000, min: 1, max: 3_600_000 },
  memoryBytes: { initial: 64 * MIB, min: 4 * MIB, max: 1024 * MIB },
  maxOutputBytes: { initial: MIB, min: 256, max: 64 * MIB },
  maxToolCalls: { initial: 1_000, min: 0, max: 100_000 },
  maxToolCallsInFlight: { initial: 32, min: 1, max: 256 },
  maxMessageBytes: { initial: 8 * MIB, min: 1_024, max: 64 * MIB },
};

/** Completes limits with the defaults of {@link LIMITS}. Throws 400 for a number outside its range. */
export function resolveLimits(...layers: readonly (Partial<Limits> | undefined)[]): Limits {
  const resolve = (name: keyof Limits): number => {
    const rule = LIMITS[name];
    const value = layers.findLast((layer) => layer?.[name] !== undefined)?.[name] ?? rule.initial;
    if (!Number.isFinite(value) || value < rule.min || value > rule.max) {
      throw new OptimizerError(`limits.${name} is ${value}`, {
        code: 400,
        kind: "invalid_limits",
        hint: `Choose a number from ${rule.min} to ${rule.max}.`,
      });
    }
    return Math.floor(value);
  };
  return {
    timeoutMs: resolve("timeoutMs"),
    toolWaitMs: resolve("toolWaitMs"),
    memoryBytes: resolve("memoryBytes"),
    maxOutputBytes: resolve("maxOutputBytes"),
    maxToolCalls: resolve("maxToolCalls"),
    maxToolCallsInFlight: resolve("maxToolCallsInFlight"),
    maxMessageBytes: resolve("maxMessageBytes"),
  };
}
