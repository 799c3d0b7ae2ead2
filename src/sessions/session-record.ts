// What crosses here: what a caller says of a session, and records of sessions as a store or a file gives
// them back. Both are read field by field.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { ContextValue } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";

/** How a session is created. */
export interface CreateSessionOptions {
  /** It ends so long after it was last used. Milliseconds; default: it does not end by itself. */
  readonly ttlMs?: number;
  /** Whose it is. Only the optimizer's own tenant may be named. */
  readonly tenant?: string;
  /**
   * Programs find what the one before them in their language put on its globals: in `quickjs()` all of it, in
   * `pyodide()` what pickles. Default false: every program begins in a world that none has touched.
   */
  readonly keepGlobals?: boolean;
  /** Anything that JSON can hold, for whoever lists sessions; at most 16 KiB. Programs don't see it. */
  readonly metadata?: JsonObject;
}

/** What is written of a session when it is created. It never changes. */
export interface SessionRecord {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly ttlMs?: number;
  readonly keepGlobals: boolean;
  readonly metadata: JsonObject;
}

/** Area and key of the record in its session. */
export const RECORD_AREA = "session";
export const RECORD_KEY = "record";

const FORMAT = 1;
const MAX_METADATA_BYTES = 16 * 1024;

/** Throws 400 `invalid_options`, and 403 `other_tenant`. */
export function resolveRecord(
  { ttlMs, tenant, keepGlobals = false, metadata = {} }: CreateSessionOptions,
  owner: string | undefined,
  createdAt: number,
): SessionRecord {
  if (ttlMs !== undefined && !isTtl(ttlMs))
    throw invalid("`ttlMs` must be a number of milliseconds above zero.");
  if (typeof keepGlobals !== "boolean") throw invalid("`keepGlobals` must be true or false.");
  if (tenant !== undefined && tenant !== owner) {
    throw new OptimizerError("The session would belong to another tenant.", {
      code: 403,
      kind: "other_tenant",
      hint: "Create it by an optimizer of that tenant.",
    });
  }
  return {
    createdAt,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    keepGlobals,
    metadata: copyMetadata(metadata),
  };
}

export function formatRecord(record: SessionRecord): string {
  return JSON.stringify({ format: FORMAT, ...record });
}

/** `undefined` for what is no record that this version can read. */
export function parseRecord(value: ContextValue | undefined): SessionRecord | undefined {
  const fields = parseStored(value);
  if (!isJsonObject(fields) || fields.format !== FORMAT) return undefined;
  const { createdAt, ttlMs, keepGlobals, metadata } = fields;
  if (typeof createdAt !== "number" || typeof keepGlobals !== "boolean" || !isJsonObject(metadata))
    return undefined;
  if (ttlMs !== undefined && !isTtl(ttlMs)) return undefined;
  return { createdAt, ...(ttlMs === undefined ? {} : { ttlMs }), keepGlobals, metadata };
}

function copyMetadata(metadata: JsonObject): JsonObject {
  const text = jsonOf(metadata) ?? "";
  const copy = parseJson(text);
  if (!isJsonObject(copy)) throw invalid("`metadata` must be an object that JSON can hold.");
  if (textBytes(text) > MAX_METADATA_BYTES)
    throw invalid(`\`metadata\` must have at most ${MAX_METADATA_BYTES} bytes as JSON.`);
  return copy;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function isTtl(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function invalid(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_options" });
}
