import type { RunOptions, RunResult, WatchedAnswer, WatchedRun } from "../index.ts";
import type { LogEntry, Program } from "../protocol/guest-protocol.ts";
import type { Phase } from "../telemetry/trace.ts";
import type { ToolCallRecord } from "../tools/broker.ts";

/** One tool call of a recorded run. Times count from the run's beginning, in milliseconds. */
export interface RecordedCall {
  readonly call: number;
  readonly name: string;
  /** JSON text; `undefined` when it went to make room. */
  args: string | undefined;
  readonly startMs: number;
  endMs: number | undefined;
  /** What its tool said; absent when it was refused before, is under way, or went to make room. */
  answer: WatchedAnswer | undefined;
  record: ToolCallRecord | undefined;
  /** How far it is, or what it waits for. */
  note: string;
  /** In a run that repeats another: where its answer came from. `differs`: the record has no such call, though it has others left. */
  source: "record" | "tool" | "differs" | undefined;
}

/** A part of a run. */
export interface RecordedSpan {
  readonly phase: Phase;
  readonly startMs: number;
  endMs: number | undefined;
}

/** A run as devtools keep it. */
export interface RecordedRun {
  /** Counts from 1, in the order in which runs began. */
  readonly number: number;
  readonly runId: string;
  readonly session: string;
  readonly kind: WatchedRun["kind"];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** On the page's own clock, which times count from. */
  readonly origin: number;
  readonly options: Pick<RunOptions, "limits" | "sandbox" | "maxTokens" | "tools">;
  /** What the list shows of it: the first line of its program, or the tool. */
  title: string;
  callCount: number;
  /** `undefined` where a tool was called without one, and when it went to make room. */
  program: Program | undefined;
  readonly spans: RecordedSpan[];
  readonly calls: RecordedCall[];
  readonly logs: (LogEntry & { readonly atMs: number })[];
  memoryBytes: number;
  memoryLimitBytes: number;
  memoryWasScarce: boolean;
  /** Without its value, logs and calls: they are kept here. */
  result: RunResult | undefined;
  /** JSON text of the value that it returned. */
  value: string | undefined;
  /** The run that this one repeats, and how many of its calls were to answer from the record. */
  readonly again: { readonly number: number; readonly fromRecord: number } | undefined;
  /** Its program, arguments, answers and logs went to make room for later runs. */
  emptied: boolean;
  /** Log lines that came when no more were kept. */
  logsLeftOut: number;
  /** Grows with every change. */
  version: number;
  /** Characters that it holds. */
  characters: number;
}

export type RunStatus = "running" | RunResult["status"];

export function statusOf({ result }: RecordedRun): RunStatus {
  return result?.status ?? "running";
}

/** How long it took, or takes so far. Milliseconds. */
export function durationOf({ result, origin }: RecordedRun): number {
  return result?.usage.durationMs ?? performance.now() - origin;
}

/** What a run tried that it may not, and the limits that it met, as sentences. */
export function violationsOf({ result, calls, memoryWasScarce }: RecordedRun): readonly string[] {
  const refused = calls.flatMap(({ record }) =>
    record?.error !== undefined && REFUSALS.has(record.error.kind)
      ? [`${record.name} was refused: ${record.error.message}`]
      : [],
  );
  const ended =
    result?.status === "stopped" && result.reason !== "cancelled"
      ? [`The run was stopped (${result.reason}): ${result.message}`]
      : [];
  const scarce = memoryWasScarce ? ["The program used most of the memory that it may use."] : [];
  return [...ended, ...refused, ...scarce];
}

const REFUSALS = new Set(["forbidden", "denied", "approval_required"]);
