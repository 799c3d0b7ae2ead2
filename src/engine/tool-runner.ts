import type { Json, JsonObject } from "../base/json.ts";
import { type GuestReply, HELD, type RuntimeOutcome } from "../protocol/guest-protocol.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { describeBytes } from "./byte-values.ts";
import type { RunResult } from "./run-result.ts";
import type { RunOptions, RunScope, RunScopes, ScopeOutcome } from "./run-scope.ts";

/** Calls one tool without any program: the classic way. Ends as a program would that returns the tool's value. */
export async function runTool(
  scopes: RunScopes,
  ref: string,
  args: JsonObject,
  options: RunOptions,
  trace: RequestTrace | undefined,
): Promise<RunResult> {
  trace?.phase("validate");
  using scope = await scopes.open(options, { kind: "tool", trace });
  return await scope.finish(await callTool(scope, ref, args));
}

/** The call itself, and what became of it. */
export async function callTool(scope: RunScope, ref: string, args: JsonObject): Promise<ScopeOutcome> {
  const { toolWaitMs, maxToolCalls } = scope.limits;
  if (maxToolCalls < 1) return stopped("tool_calls", "The run may make no calls.");
  // Not `AbortSignal.timeout`: its timer would outlive the call.
  const time = new AbortController();
  const timer = setTimeout(() => time.abort(), toolWaitMs);
  const signal = AbortSignal.any([scope.signal, time.signal]);
  const call = { id: 1, operation: "tool", target: ref, args: JSON.stringify(args) } as const;
  const reply = await scope.broker.call(call, signal);
  clearTimeout(timer);
  const isLate = time.signal.aborted;
  // The run is over: what the tool still does for it may end.
  time.abort();
  if (scope.signal.aborted) return stopped("cancelled", "The run was cancelled.");
  if (reply === HELD) return { status: "suspended", task: { type: "tool", ref, args }, peakMemoryBytes: 0 };
  if (isLate && !reply.ok) return stopped("timeout", `The tool gave no answer within ${toolWaitMs} ms.`);
  return { ...outcomeOf(reply), peakMemoryBytes: 0 };
}

function stopped(reason: "timeout" | "cancelled" | "tool_calls", message: string): ScopeOutcome {
  return { status: "stopped", reason, message, peakMemoryBytes: 0 };
}

function outcomeOf(reply: GuestReply): RuntimeOutcome {
  if (!reply.ok) {
    const { name, message, kind, hint } = reply.error;
    return { status: "threw", error: { name, message, kind, ...(hint === undefined ? {} : { hint }) } };
  }
  if (reply.bytes !== true) return { status: "returned", json: reply.json };
  const value: Json = JSON.parse(reply.json);
  return { status: "returned", json: JSON.stringify(describeBytes(value)) };
}
