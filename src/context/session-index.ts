// What crosses here: records that another tab, another version of this package, or anybody with the origin's
// storage wrote. They are read field by field; what does not fit is an error of that session and left as it is.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { ContextRecord } from "./context-backend.ts";
import { valueName } from "./record-keys.ts";
import { parseStored } from "./stored-json.ts";

/** What is known of a session's values without reading them. */
export interface SessionIndex {
  /** Keys and values of all areas. Bytes. */
  readonly bytes: number;
  /** Milliseconds of the store's clock. */
  readonly lastUsedAt: number;
  readonly expiresAt: number | undefined;
  /** By area and key, in the order in which they came. */
  readonly entries: ReadonlyMap<string, IndexEntry>;
}

export interface IndexEntry {
  readonly area: string;
  readonly key: string;
  /** Key and value. */
  readonly bytes: number;
  readonly expiresAt: number | undefined;
}

/** What all sessions hold together. */
export interface Totals {
  readonly bytes: number;
  readonly sessions: number;
}

/** The format that this version writes. */
const FORMAT = 1;

export function formatIndex({ lastUsedAt, expiresAt, entries }: SessionIndex): string {
  return JSON.stringify({
    format: FORMAT,
    lastUsedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    entries: Array.from(entries.values(), (entry) =>
      entry.expiresAt === undefined
        ? [entry.area, entry.key, entry.bytes]
        : [entry.area, entry.key, entry.bytes, entry.expiresAt],
    ),
  });
}

/** Throws 500 `corrupt_record`, or `newer_record`. */
export function parseIndex(record: unknown): SessionIndex | undefined {
  if (record === undefined) return undefined;
  const fields = parseFields(record, "index");
  const { lastUsedAt, expiresAt, entries } = fields;
  if (!isTime(lastUsedAt) || !(expiresAt === undefined || isTime(expiresAt)) || !Array.isArray(entries))
    throw corrupt("index");
  const parsed = new Map<string, IndexEntry>();
  let bytes = 0;
  for (const item of entries) {
    const entry = parseEntry(item);
    bytes += entry.bytes;
    parsed.set(valueName(entry.area, entry.key), entry);
  }
  return { bytes, lastUsedAt, expiresAt, entries: parsed };
}

export function formatTotals({ bytes, sessions }: Totals): string {
  return JSON.stringify({ format: FORMAT, bytes, sessions });
}

/** Throws 500 `corrupt_record`, or `newer_record`. */
export function parseTotals(record: unknown): Totals {
  if (record === undefined) return { bytes: 0, sessions: 0 };
  const { bytes, sessions } = parseFields(record, "count of all sessions");
  if (!isCount(bytes) || !isCount(sessions)) throw corrupt("count of all sessions");
  return { bytes, sessions };
}

/** The value that an entry of the index stands for, in a copy of its own. Throws 500 `corrupt_record`. */
export function parseValue(record: unknown, entry: IndexEntry): ContextRecord {
  if (typeof record !== "string" && !(record instanceof Uint8Array)) throw corrupt(`value of ${entry.key}`);
  if (entryBytes(entry.key, record) !== entry.bytes) throw corrupt(`value of ${entry.key}`);
  return typeof record === "string" ? record : new Uint8Array(record);
}

/** What a key and its value count for. Bytes. */
export function entryBytes(key: string, value: string | Uint8Array): number {
  return textBytes(key) + (typeof value === "string" ? textBytes(value) : value.byteLength);
}

function parseEntry(item: Json): IndexEntry {
  if (!Array.isArray(item)) throw corrupt("index");
  const [area, key, bytes, expiresAt]: readonly Json[] = item;
  if (typeof area !== "string" || typeof key !== "string" || !isCount(bytes)) throw corrupt("index");
  if (expiresAt !== undefined && !isTime(expiresAt)) throw corrupt("index");
  return { area, key, bytes, expiresAt };
}

function parseFields(record: unknown, what: string): JsonObject {
  const fields = parseStored(record);
  if (!isJsonObject(fields) || typeof fields["format"] !== "number") throw corrupt(what);
  if (fields["format"] === FORMAT) return fields;
  throw new OptimizerError(`The ${what} was written by another version of this package.`, {
    code: 500,
    kind: "newer_record",
    hint: "Load the page anew, so that it runs the newest version. The record was left as it is.",
  });
}

function corrupt(what: string): OptimizerError {
  return new OptimizerError(`The stored ${what} can't be read.`, {
    code: 500,
    kind: "corrupt_record",
    hint: "It was left as it is. Write the value anew, or drop the session.",
  });
}

function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isTime(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
