// What crosses here: errors of a server and of its connection, which name addresses and users. Callers hear the
// class of the fault; the rest is its `cause`, for the log.

import { messageOf, OptimizerError } from "../../base/errors.ts";

/** What an attempt that failed was. */
export interface RedisFault {
  /** Stable name for `health`: of Redis's or of the system's, such as `OOM` or `ECONNREFUSED`. */
  readonly name: string;
  /** Redis answered that it did nothing, or was never asked. */
  readonly isRefusal: boolean;
  /** It may go by itself, in a moment. */
  readonly mayPass: boolean;
  readonly cause: unknown;
}

/** Refusals while a server starts, fails over, moves slots or runs a long script. */
const PASSING: ReadonlySet<string> = new Set([
  "READONLY",
  "LOADING",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "MOVED",
  "ASK",
  "UNBLOCKED",
]);

/** Of who we are and what we may: waiting changes nothing about them. */
const ACCESS: ReadonlySet<string> = new Set(["WRONGPASS", "NOAUTH", "NOPERM"]);

/** What ioredis says of a command that it did not send. */
const NOT_SENT = /^(Stream isn't writeable|Cluster isn't ready)/;

export function faultOf(error: unknown): RedisFault {
  const message = messageOf(error);
  const isReply = error instanceof Error && error.name === "ReplyError";
  const name = isReply ? (/^[A-Z]+(?= )/.exec(message)?.[0] ?? "ERR") : systemName(error);
  return {
    name,
    isRefusal: isReply || NOT_SENT.test(message),
    mayPass: isReply ? PASSING.has(name) : true,
    cause: error,
  };
}

/** Whether a server refuses us as long as nobody changes who we are. */
export function isAccessFault({ name }: RedisFault): boolean {
  return ACCESS.has(name);
}

/** How a call ends that could not be made. `mayHaveRun`: it was sent, was to write, and nobody knows what came of it. */
export function storageError(fault: RedisFault | undefined, mayHaveRun: boolean): OptimizerError {
  const name = fault?.name ?? "timeout";
  if (name === "OOM" && !mayHaveRun) {
    return new OptimizerError("Redis has no more room.", {
      code: 429,
      kind: "storage_full",
      hint: "Delete what is no longer needed, or raise Redis's maxmemory.",
      cause: fault?.cause,
    });
  }
  if (mayHaveRun) {
    return new OptimizerError(`Redis took a change and did not answer in time (${name}).`, {
      code: 500,
      kind: "storage_outcome_unknown",
      hint: "It may have been kept, whole, or not. Read before you try again.",
      cause: fault?.cause,
    });
  }
  return new OptimizerError(`Redis can't be used now (${name}).`, {
    code: 500,
    kind: "storage_unavailable",
    hint: fault !== undefined && isAccessFault(fault) ? ACCESS_HINT : "Nothing was written. Try again.",
    retryable: true,
    cause: fault?.cause,
  });
}

const ACCESS_HINT =
  "Redis refuses this host: whoever runs it has to look at the user, the password and what the user may do.";

function systemName(error: unknown): string {
  if (error instanceof DOMException) return "timeout";
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "connection_lost";
}
