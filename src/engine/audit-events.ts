import { assertNever } from "../base/errors.ts";
import type { AuditEntry } from "../telemetry/audit/audit-record.ts";
import type { RunEvent, RunResult } from "./run-result.ts";

/** Of which run the events are. */
export interface AuditedRun {
  readonly run: string;
  readonly session: string;
  readonly tenant?: string;
}

/** What is audited of an event: names and outcomes, nothing that a program, a server or a person wrote. */
export function auditEntries(
  place: AuditedRun,
  event: RunEvent,
  { kind, isTool }: { readonly kind: string; readonly isTool: (name: string) => boolean },
): readonly AuditEntry[] {
  switch (event.type) {
    case "started":
      return [{ type: "run_began", ...place, kind }];
    case "tool_call":
      // A program may write anything in place of a name.
      return isTool(event.name) ? [{ type: "tool_call", ...place, call: event.call, tool: event.name }] : [];
    case "tool_result": {
      const { call, name, error, cached } = event;
      const tool = error?.kind === "unknown_tool" ? "?" : name;
      const result: AuditEntry = {
        type: "tool_result",
        ...place,
        call,
        tool,
        outcome: error === undefined ? "ok" : "error",
        cached,
        ...(error === undefined ? {} : { reason: error.kind, mayHaveExecuted: error.mayHaveExecuted }),
      };
      return error?.kind === "forbidden" ? [{ type: "forbidden", ...place, call, tool }, result] : [result];
    }
    case "approval": {
      const { call, tool, reason, definitionSha256 } = event.request;
      return [{ type: "approval_asked", ...place, call, tool, reason, definitionSha256 }];
    }
    case "finished":
      return endEntries(place, event.result);
    // The host audits what it calls.
    case "host_call":
    case "tool_progress":
    case "log":
    case "preparing":
    case "running":
    case "memory":
    case "memory_pressure":
      return [];
    default:
      return assertNever(event);
  }
}

function endEntries(place: AuditedRun, result: RunResult): readonly AuditEntry[] {
  const failure =
    result.status === "threw"
      ? { code: result.error.code, reason: knownKind(result.error.kind) }
      : result.status === "stopped"
        ? { code: result.code, reason: result.reason }
        : {};
  const toolCalls = result.toolCalls.length;
  const ended: AuditEntry = { type: "run_ended", ...place, status: result.status, ...failure, toolCalls };
  const isViolation = result.status === "stopped" && result.reason === "security";
  return isViolation ? [{ type: "violation", ...place }, ended] : [ended];
}

/** A guest that got out of its VM may write anything there. */
function knownKind(kind: string): string {
  return /^[a-z_]{1,40}$/.test(kind) ? kind : "?";
}
