/**
 * The five classes of failure, numbered like their HTTP relatives: 400 validation, 403 security,
 * 408 timeout or cancellation, 429 any budget, 500 everything else.
 */
export type ErrorCode = 400 | 403 | 408 | 429 | 500;

/** Facts about a failure, beside its message. */
export interface OptimizerErrorOptions {
  /** Class of the failure. */
  readonly code: ErrorCode;
  /** Stable name of the exact failure, such as `unknown_tool`. Switch on this, never on the message. */
  readonly kind: string;
  /** What to do next, written for the person or the model that has to repair the call. */
  readonly hint?: string;
  /** Whether the same call may succeed later without a change. Default `false`. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The only error that the engine throws. Recognise it by `code` and `kind`; `instanceof` fails across realms. */
export class OptimizerError extends Error {
  override readonly name = "OptimizerError";
  readonly code: ErrorCode;
  readonly kind: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(message: string, options: OptimizerErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.kind = options.kind;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}

/** Finds the `OptimizerError` behind an unknown value, from any realm. */
export function findOptimizerError(value: unknown): OptimizerError | undefined {
  if (value instanceof OptimizerError) return value;
  // An error of another realm is no instance of our `Error`.
  if (typeof value !== "object" || value === null) return undefined;
  const isOurs =
    Reflect.get(value, "name") === "OptimizerError" &&
    typeof Reflect.get(value, "code") === "number" &&
    typeof Reflect.get(value, "kind") === "string";
  return isOurs ? (value as OptimizerError) : undefined;
}

/** The message of anything that was thrown, from any realm. Never throws itself. */
export function messageOf(value: unknown): string {
  try {
    const message: unknown =
      typeof value === "object" && value !== null ? Reflect.get(value, "message") : undefined;
    return typeof message === "string" ? message : String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Marks a branch that the type system proves unreachable. */
export function assertNever(value: never): never {
  throw new OptimizerError(`Unexpected value ${JSON.stringify(value)}`, { code: 500, kind: "internal" });
}

/** Whether an error is one of the system's, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, "code") === code;
}
