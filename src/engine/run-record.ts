import type { RunRecord, ToolUse } from "../sessions/run-log.ts";
import type { ToolCallRecord } from "../tools/broker.ts";
import type { RunResult } from "./run-result.ts";

/** What a result does not say of its run. */
export interface RecordFacts extends Pick<RunRecord, "at" | "kind" | "approvals"> {
  /** Calls that the run had made before it was suspended and went on; absent for one that began. */
  readonly callsBefore: number | undefined;
}

/** What the session's log keeps of a run. */
export function toRunRecord(result: RunResult, { at, kind, approvals, callsBefore }: RecordFacts): RunRecord {
  const calls = result.toolCalls.slice(callsBefore);
  return {
    runId: result.runId,
    at,
    kind,
    status: result.status,
    ...(result.status === "threw" ? { code: result.error.code } : {}),
    ...(result.status === "stopped" ? { code: result.code, reason: result.reason } : {}),
    ...(callsBefore === undefined ? {} : { resumed: true }),
    durationMs: result.usage.durationMs,
    tokens: result.usage.tokens,
    tools: usesOf(calls),
    waiting: result.status === "suspended" ? result.approvals.length : 0,
    approvals,
    denials: calls.filter(({ error }) => error?.kind === "denied" || error?.kind === "forbidden").length,
  };
}

function usesOf(calls: readonly ToolCallRecord[]): readonly ToolUse[] {
  const uses = new Map<string, ToolUse>();
  for (const { name: called, error, cached } of calls) {
    const name = error?.kind === "unknown_tool" ? "?" : called;
    const use = uses.get(name) ?? { name, calls: 0, errors: 0, cached: 0 };
    uses.set(name, {
      name,
      calls: use.calls + 1,
      errors: use.errors + (error === undefined ? 0 : 1),
      cached: use.cached + (cached ? 1 : 0),
    });
  }
  return [...uses.values()];
}
