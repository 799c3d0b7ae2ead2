// What crosses here: logs of runs as a store or a file gives them back. They are shown to people, and decide
// nothing: what can't be read is left out.

import { isJsonObject, type Json } from "../base/json.ts";
import type { ContextValue } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";
import type { Language } from "../protocol/guest-protocol.ts";

/** One run, or one part of a run that was suspended: what it did, without any argument, value or word of it. */
export interface RunRecord {
  readonly runId: string;
  /** When it began, or went on. Milliseconds since 1970. */
  readonly at: number;
  /** The language of the program; `tool` where a tool was called without one. */
  readonly kind: Language | "tool";
  readonly status: "returned" | "threw" | "stopped" | "suspended";
  /** Class of the failure, of what threw or was stopped. */
  readonly code?: number;
  /** Why it was stopped. */
  readonly reason?: string;
  /** It was suspended before, and went on here. */
  readonly resumed?: true;
  /** Milliseconds. */
  readonly durationMs: number;
  /** Tokens of the value as it went back to the model. */
  readonly tokens: number;
  readonly tools: readonly ToolUse[];
  /** Calls that wait for somebody's decision, that somebody allowed, and that somebody or the policy refused. */
  readonly waiting: number;
  readonly approvals: number;
  readonly denials: number;
}

/** The calls of one tool in one run. */
export interface ToolUse {
  /** The tool's ref; `?` for all that no server offers: a program may write anything there. */
  readonly name: string;
  readonly calls: number;
  readonly errors: number;
  readonly cached: number;
}

/** What a session did in all. */
export interface SessionTotals {
  readonly runs: number;
  /** Runs that threw or were stopped. */
  readonly errors: number;
  readonly toolCalls: number;
  readonly tokens: number;
  readonly durationMs: number;
}

/** The runs of a session: all of them in the totals, the last ones each. */
export interface RunLog {
  readonly totals: SessionTotals;
  /** The oldest first. */
  readonly runs: readonly RunRecord[];
}

/** Runs that are kept each. */
export const MAX_RUNS = 200;

const FORMAT = 1;

export const EMPTY_LOG: RunLog = {
  totals: { runs: 0, errors: 0, toolCalls: 0, tokens: 0, durationMs: 0 },
  runs: [],
};

/** The log with these runs at its end. */
export function appendRuns(log: RunLog, records: readonly RunRecord[]): RunLog {
  return {
    totals: records.reduce(addRun, log.totals),
    runs: [...log.runs, ...records].slice(-MAX_RUNS),
  };
}

function addRun(totals: SessionTotals, record: RunRecord): SessionTotals {
  const failed = record.status === "threw" || record.status === "stopped";
  return {
    runs: totals.runs + (record.resumed === true ? 0 : 1),
    errors: totals.errors + (failed ? 1 : 0),
    toolCalls: totals.toolCalls + record.tools.reduce((sum, { calls }) => sum + calls, 0),
    tokens: totals.tokens + record.tokens,
    durationMs: totals.durationMs + record.durationMs,
  };
}

export function formatLog(log: RunLog): string {
  return JSON.stringify({ format: FORMAT, ...log });
}

/** Reads a log. One that can't be read is empty. */
export function parseLog(value: ContextValue | undefined): RunLog {
  const fields = parseStored(value);
  return isJsonObject(fields) && fields.format === FORMAT ? readLog(fields) : EMPTY_LOG;
}

/** Reads the fields of a log. */
export function readLog({ totals, runs }: { readonly totals?: Json; readonly runs?: Json }): RunLog {
  const sums = isJsonObject(totals) ? totals : {};
  return {
    totals: {
      runs: amount(sums.runs),
      errors: amount(sums.errors),
      toolCalls: amount(sums.toolCalls),
      tokens: amount(sums.tokens),
      durationMs: amount(sums.durationMs),
    },
    runs: (Array.isArray(runs) ? runs : []).slice(-MAX_RUNS).flatMap((run: Json) => parseRun(run) ?? []),
  };
}

const STATUSES = ["returned", "threw", "stopped", "suspended"] as const;
const KINDS = ["javascript", "typescript", "python", "tool"] as const;

function parseRun(value: Json): RunRecord | undefined {
  if (!isJsonObject(value)) return undefined;
  const { runId, at, code, reason, resumed, durationMs, tokens, tools, waiting, approvals, denials } = value;
  const status = STATUSES.find((one) => one === value.status);
  const kind = KINDS.find((one) => one === value.kind);
  if (typeof runId !== "string" || status === undefined || kind === undefined) return undefined;
  return {
    runId,
    at: amount(at),
    kind,
    status,
    ...(typeof code === "number" ? { code } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
    ...(resumed === true ? { resumed } : {}),
    durationMs: amount(durationMs),
    tokens: amount(tokens),
    tools: (Array.isArray(tools) ? tools : []).flatMap((tool: Json) => parseToolUse(tool) ?? []),
    waiting: amount(waiting),
    approvals: amount(approvals),
    denials: amount(denials),
  };
}

function parseToolUse(value: Json): ToolUse | undefined {
  if (!isJsonObject(value) || typeof value.name !== "string") return undefined;
  const { name, calls, errors, cached } = value;
  return { name, calls: amount(calls), errors: amount(errors), cached: amount(cached) };
}

function amount(value: Json | undefined): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}
