// What crosses here: lines of an audit log as a file or a database gives them back. Whoever could write there may have
// changed any of them.

import { canonicalJson } from "../../base/canonical-json.ts";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../../base/json.ts";
import { sha256 } from "../../base/sha256.ts";

/** What is audited: names, times and outcomes, without any argument, value or word of a program. */
export type AuditEntry =
  /** Somebody began to write, over records of before or none; bytes that a crash left of half a line are gone. */
  | { readonly type: "opened"; readonly version: string; readonly tornBytes?: number }
  | (RunPlace & { readonly type: "run_began"; readonly kind: string })
  | (RunPlace & {
      readonly type: "run_ended";
      readonly status: string;
      readonly code?: number;
      /** Why it was stopped, or the kind of what it threw. */
      readonly reason?: string;
      readonly toolCalls: number;
    })
  | (CallPlace & { readonly type: "tool_call" })
  | (CallPlace & {
      readonly type: "tool_result";
      readonly outcome: "ok" | "error";
      readonly reason?: string;
      readonly cached: boolean;
      /** It failed, and may have done its work all the same. */
      readonly mayHaveExecuted?: boolean;
    })
  | (CallPlace & {
      readonly type: "approval_asked";
      readonly reason: string;
      readonly definitionSha256: string;
    })
  /** Somebody decided about a call of a tool as it was defined then. */
  | (CallPlace & {
      readonly type: "approved" | "denied";
      readonly definitionSha256: string;
      readonly remember: boolean;
    })
  /** The policy refused a call, without asking anybody. */
  | (CallPlace & { readonly type: "forbidden" })
  /** A runtime broke the rules of its sandbox. */
  | (RunPlace & { readonly type: "violation" })
  /** So many records found no place while the log could not be written. */
  | { readonly type: "lost"; readonly records: number }
  /** Records up to this one are let go, because they are too many. */
  | { readonly type: "retention"; readonly seq: number; readonly hash: string };

/** The run that a record is about. */
export interface RunPlace {
  readonly run: string;
  readonly session: string;
  readonly tenant?: string;
}

/** The call of a tool that a record is about. */
export interface CallPlace extends RunPlace {
  readonly call: number;
  /** The tool's ref; `?` for what no server offers. */
  readonly tool: string;
}

/** The last record of a log: kept elsewhere, it shows later that nothing before it was changed or cut off. */
export interface AuditHead {
  /** From 1. */
  readonly seq: number;
  /** SHA-256, hexadecimal. */
  readonly hash: string;
}

/** One record as it is kept. */
export interface AuditRecord extends AuditHead {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Hash of the record before. */
  readonly prev: string;
  readonly entry: JsonObject;
}

/** What the first record names as the one before. */
export const GENESIS: AuditHead = { seq: 0, hash: "0".repeat(64) };

/** Makes the record that follows `before`. */
export async function sealRecord(before: AuditHead, at: number, entry: AuditEntry): Promise<AuditRecord> {
  const body = { seq: before.seq + 1, at, prev: before.hash, entry: toJson(entry) };
  return { ...body, hash: await hashOf(body) };
}

/** One line of a log, without its end. */
export function writeRecord(record: AuditRecord): string {
  return JSON.stringify(record);
}

/** `undefined` for a line that is no record. Its hash is not looked at. */
export function parseRecord(line: unknown): AuditRecord | undefined {
  const value = typeof line === "string" ? parseJson(line) : undefined;
  if (!isJsonObject(value) || Object.keys(value).length !== 5) return undefined;
  const { seq, at, prev, entry, hash } = value;
  if (!Number.isSafeInteger(seq) || typeof seq !== "number" || typeof at !== "number") return undefined;
  if (typeof prev !== "string" || typeof hash !== "string" || !isJsonObject(entry)) return undefined;
  return { seq, at, prev, entry, hash };
}

/** The hash of a record's canonical JSON without its hash. */
export function hashOf({ seq, at, prev, entry }: Omit<AuditRecord, "hash">): Promise<string> {
  const text = canonicalJson({ seq, at, prev, entry }) ?? "";
  return sha256(new TextEncoder().encode(text));
}

function toJson(entry: AuditEntry): JsonObject {
  return Object.fromEntries(
    Object.entries(entry).filter((pair): pair is [string, Json] => pair[1] !== undefined),
  );
}
