import { findOptimizerError } from "../base/errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { RequestEnd, RequestTrace } from "../telemetry/trace.ts";
import type { RunResult } from "./run-result.ts";

/** Carries one request out, and tells how it ended. `work` gets no trace while nothing is measured. */
export async function traced(
  telemetry: Pick<Telemetry, "begin">,
  work: (trace: RequestTrace | undefined) => Promise<RunResult>,
): Promise<RunResult> {
  const trace = telemetry.begin();
  if (trace === undefined) return work(undefined);
  try {
    const result = await work(trace);
    trace.end(endOf(result));
    return result;
  } catch (error) {
    const { code = 500, kind = "internal" } = findOptimizerError(error) ?? {};
    const tokenLimited = kind === "token_budget_exceeded";
    trace.end({ status: "failed", code, kind, tokens: 0, tokensSaved: 0, tokenLimited });
    throw error;
  }
}

function endOf(result: RunResult): RequestEnd {
  const { runId, status, usage } = result;
  return {
    status,
    runId,
    tokens: usage.tokens,
    tokensSaved: usage.tokensSaved,
    tokenLimited: result.status === "returned" && result.truncated !== undefined,
    ...(result.status === "threw" ? { code: result.error.code, kind: result.error.kind } : {}),
    ...(result.status === "stopped" ? { code: result.code, kind: result.reason } : {}),
  };
}
