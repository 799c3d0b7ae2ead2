import {
  type ErrorCode,
  findOptimizerError,
  OptimizerError,
  type OptimizerErrorOptions,
} from "../../base/errors.ts";

/** Statuses beside the error's own class, where HTTP's clients go by them. */
export type OwnStatus = 401 | 404 | 413 | 503;

/** A refusal that HTTP has a status of its own for; its `code` is the class as ever. */
export class HttpError extends OptimizerError {
  readonly status: OwnStatus;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    message: string,
    options: OptimizerErrorOptions & {
      readonly status: OwnStatus;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ) {
    super(message, options);
    this.status = options.status;
    this.headers = options.headers ?? {};
  }
}

/** What of a failure leaves the host: no stack, no path, and nothing of a failure that is not ours. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly kind: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly hint?: string;
}

export function errorBody(failure: unknown): ErrorBody {
  const error = findOptimizerError(failure);
  if (error === undefined)
    return { code: 500, kind: "internal", message: "The host failed.", retryable: false };
  const { code, kind, message, retryable, hint } = error;
  return { code, kind, message, retryable, ...(hint === undefined ? {} : { hint }) };
}

/** When a caller over its limits may come again. Seconds. */
const RETRY_AFTER_SECONDS = 1;

/** Failures of what the host stands on, which comes back by itself or by its operator. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  "storage_unavailable",
  "storage_outcome_unknown",
  "sandbox_unavailable",
]);

export function errorResponse(failure: unknown): Response {
  const error = errorBody(failure);
  const own = failure instanceof HttpError ? failure : undefined;
  const status = own?.status ?? (UNAVAILABLE.has(error.kind) ? 503 : error.code);
  const retry: Record<string, string> =
    status === 429 || status === 503 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {};
  return Response.json({ error }, { status, headers: { ...retry, ...own?.headers } });
}
