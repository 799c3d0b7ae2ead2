// What crosses here: what a Redis holds, which anybody with access to it may have written. A record is the id of
// the step that wrote it, one byte that says what it is, and the value. Anything else reads as `null`, which no parser
// of a record takes.

import type { ContextRecord } from "../../context/context-backend.ts";

/** Bytes of a step's id. Random: no step meets another one's. */
export const STEP_ID_BYTES = 16;

const TEXT = 0x74;
const BYTES = 0x62;
/** Text with halves of characters, which UTF-8 has no place for. */
const WIDE_TEXT = 0x77;

/** A record as Redis keeps it, without the id before it. */
export function encodeRecord(record: ContextRecord): Buffer {
  if (typeof record !== "string") return Buffer.concat([Buffer.of(BYTES), record]);
  return record.isWellFormed()
    ? Buffer.concat([Buffer.of(TEXT), Buffer.from(record, "utf8")])
    : Buffer.concat([Buffer.of(WIDE_TEXT), Buffer.from(record, "utf16le")]);
}

/** What a reply says of one key: the record, `undefined` where there is none, `null` for what is no record of ours. */
export function decodeRecord(stored: unknown): ContextRecord | undefined | null {
  if (stored === null) return undefined;
  if (!Buffer.isBuffer(stored)) return null;
  const value = stored.subarray(STEP_ID_BYTES + 1);
  switch (stored[STEP_ID_BYTES]) {
    case TEXT:
      return value.toString("utf8");
    case WIDE_TEXT:
      return value.toString("utf16le");
    case BYTES:
      return new Uint8Array(value);
    default:
      return null;
  }
}

/** What a step expects to find of a record when it writes: the id of the step that wrote it. */
export function versionOf(stored: unknown): Buffer | string {
  if (stored === null) return "";
  return Buffer.isBuffer(stored) ? stored.subarray(0, STEP_ID_BYTES) : FOREIGN;
}

/** The version of what is no text of Redis's at all, here and in the scripts. */
export const FOREIGN = "!";
