import { messageOf, OptimizerError } from "../base/errors.ts";
import type { ToolDefinition } from "../tools/tool.ts";
import { type ErrorFacts, readErrorFacts } from "./error-facts.ts";

/** What may be done about a call that failed before its answer came. */
export type CallRecovery =
  /** The server forgot the session; it refused the request unprocessed, so a new session may repeat it. */
  | "reconnect"
  /** The server wants other `Mcp-Param-*` headers than the list said (-32020); it refused the request unprocessed. */
  | "relist"
  /** The connection is broken, and the request may have been processed. */
  | "lost"
  | "none";

/** Error code of 2026-07-28 for headers that disagree with the body. */
const HEADER_MISMATCH = -32_020;
const INVALID_PARAMS = -32_602;
const METHOD_NOT_FOUND = -32_601;

/** Decides, from what was thrown, whether the call may be made again. Only what surely did nothing may. */
export function planRecovery(error: unknown, hasSession: boolean): CallRecovery {
  const seen = readErrorFacts(error);
  if (seen.rpcCode === HEADER_MISMATCH) return "relist";
  if (seen.refused) return "reconnect";
  // A missing session is 404 by the specification; several servers say 400 and "session" instead.
  if (hasSession && (seen.status === 404 || (seen.status === 400 && /session/i.test(seen.body))))
    return "reconnect";
  // The client was closed under the call, before the request left.
  if (seen.sdkCode === "NOT_CONNECTED" || messageOf(error) === "Not connected") return "reconnect";
  if (seen.own !== undefined || isOverflow(error)) return "none";
  return seen.network || seen.streamLost ? "lost" : "none";
}

/** Turns what a call threw into the engine's error. What happened on the server is said as far as it is known. */
export function toCallError(
  error: unknown,
  server: string,
  tool: ToolDefinition | undefined,
  name: string,
): OptimizerError {
  const seen = readErrorFacts(error);
  if (seen.own !== undefined) return seen.own;
  const what = `${server}.${name}`;
  if (seen.missingScope !== undefined) {
    const { kind, message, hint } = scopeMissing(what, seen.missingScope);
    return new OptimizerError(message, { code: 403, kind, hint, cause: error });
  }
  const detail = messageOf(error).slice(0, 1_000);
  if (isOverflow(error)) {
    return new OptimizerError(`The answer of ${what} was too large. ${detail}`, {
      code: 429,
      kind: "response_too_large",
      hint: "Ask for less: use the tool's limit, page or filter arguments.",
      cause: error,
    });
  }
  if (seen.network || seen.streamLost) {
    return new OptimizerError(`The connection to ${server} broke during ${name}: ${detail}`, {
      code: 500,
      kind: "connection_lost",
      hint: afterwards(tool),
      retryable: repeatable(tool),
      cause: error,
    });
  }
  return new OptimizerError(`${what} failed: ${detail}`, { ...classify(seen), cause: error });
}

/** What to say when the credentials do not reach as far as the server wants (403 `insufficient_scope`). */
export function scopeMissing(what: string, scope: string) {
  return {
    kind: "insufficient_scope",
    message: `${what} needs more rights than were granted${scope === "" ? "" : `: ${scope}`}.`,
    hint: "The user has to sign in again to grant them; then run the program again.",
  } as const;
}

/** The error of a call that took longer than allowed. */
export function timeoutError(
  server: string,
  tool: ToolDefinition | undefined,
  name: string,
  timeoutMs: number,
): OptimizerError {
  return new OptimizerError(
    `${server}.${name} did not answer within ${timeoutMs} ms; the call was cancelled.`,
    {
      code: 408,
      kind: "tool_timeout",
      hint: `${afterwards(tool)} A slow tool needs a larger callTimeoutMs, or a smaller task.`,
      retryable: repeatable(tool),
    },
  );
}

/** The error of a call that the caller gave up. */
export function cancelledError(server: string, name: string): OptimizerError {
  return new OptimizerError(`${server}.${name} was cancelled.`, { code: 408, kind: "cancelled" });
}

function classify(seen: ErrorFacts): {
  code: 400 | 403 | 429 | 500;
  kind: string;
  hint?: string;
  retryable?: boolean;
} {
  if (seen.rpcCode === INVALID_PARAMS) {
    return {
      code: 400,
      kind: "invalid_arguments",
      hint: "Describe the tool and compare its input schema with the arguments.",
    };
  }
  if (seen.rpcCode === METHOD_NOT_FOUND)
    return { code: 400, kind: "unknown_tool", hint: "Search for the tool's current name." };
  if (seen.status === 401 || seen.status === 403) {
    return {
      code: 403,
      kind: "unauthorized",
      hint: "The server refuses these credentials; sign in again or ask for access.",
    };
  }
  if (seen.status === 429)
    return { code: 429, kind: "rate_limited", hint: "Wait, then make fewer calls.", retryable: true };
  if (seen.sdkCode === "INVALID_RESULT" || seen.sdkCode === "UNSUPPORTED_RESULT_TYPE") {
    return {
      code: 500,
      kind: "invalid_result",
      hint: "The server broke the MCP protocol; the call may have happened.",
    };
  }
  return { code: 500, kind: "tool_call_failed" };
}

function isOverflow(error: unknown): boolean {
  return (
    error instanceof Error &&
    "data" in error &&
    typeof error.data === "object" &&
    error.data !== null &&
    "overflow" in error.data
  );
}

function repeatable(tool: ToolDefinition | undefined): boolean {
  return tool?.annotations?.readOnlyHint === true || tool?.annotations?.idempotentHint === true;
}

function afterwards(tool: ToolDefinition | undefined): string {
  return repeatable(tool)
    ? "The tool says that repeating it is safe."
    : "The call may have happened: check its effect before you repeat it.";
}
