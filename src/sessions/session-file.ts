// What crosses here: files of sessions. Anybody may have written or changed one: its digest finds accidents,
// not forgers, and every field is read for itself.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type Json, parseJson } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { ContextEntry } from "../context/session-content.ts";
import { VERSION } from "../version.ts";

/** A session as a file holds it. */
export interface SessionFile {
  /** Version of this package that wrote it. */
  readonly engine: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly exportedAt: number;
  readonly entries: readonly ContextEntry[];
}

const TYPE = "mcp-optimizer-session";
const FORMAT = 1;

/** One entry in the file: area, key, how the value is written, the value, and when it expires if it does. */
type Row = readonly [
  area: string,
  key: string,
  as: "text" | "base64",
  value: string,
  expiresAt: number | null,
];

export async function formatSessionFile(
  session: string,
  entries: readonly ContextEntry[],
  now: number,
): Promise<Blob> {
  const rows = entries.map(toRow);
  const facts = { engine: VERSION, session, exportedAt: now };
  const sha256 = await digestOf(facts, rows);
  const text = JSON.stringify({ type: TYPE, format: FORMAT, ...facts, sha256, entries: rows });
  return new Blob([text], { type: "application/json" });
}

/** Throws 400 `invalid_file`, 400 `newer_file`, 403 `integrity`, and 429 `file_too_large`. */
export async function parseSessionFile(file: Blob, maxBytes: number): Promise<SessionFile> {
  if (!(file instanceof Blob)) throw invalid("It is no Blob.");
  if (file.size > maxBytes) {
    throw new OptimizerError(`The file has ${file.size} bytes; at most ${maxBytes} are read.`, {
      code: 429,
      kind: "file_too_large",
      hint: "A session of this store can't be so large. Raise `maxSessionBytes` of its backend.",
    });
  }
  const fields = parseJson(await file.text());
  if (!isJsonObject(fields) || fields.type !== TYPE) throw invalid("It holds no session.");
  if (fields.format !== FORMAT) {
    throw new OptimizerError("The file was written by another version of this package.", {
      code: 400,
      kind: "newer_file",
      hint: "Import it with the version that wrote it, or a later one.",
    });
  }
  const { engine, session, exportedAt, entries } = fields;
  if (
    typeof engine !== "string" ||
    typeof session !== "string" ||
    typeof exportedAt !== "number" ||
    !Array.isArray(entries)
  )
    throw invalid("A field is missing.");
  const rows = entries.map(parseRow);
  if (fields.sha256 !== (await digestOf({ engine, session, exportedAt }, rows))) {
    throw new OptimizerError("The file is not what was written: its SHA-256 digest differs.", {
      code: 403,
      kind: "integrity",
      hint: "Nothing was imported. Export the session again.",
    });
  }
  return { engine, session, exportedAt, entries: rows.map(toEntry) };
}

function toRow({ area, key, value, expiresAt }: ContextEntry): Row {
  const end = expiresAt ?? null;
  return typeof value === "string"
    ? [area, key, "text", value, end]
    : [area, key, "base64", encodeBase64(value), end];
}

function parseRow(row: Json): Row {
  if (!Array.isArray(row)) throw invalid("An entry is no list.");
  const [area, key, as, value, expiresAt = null]: readonly Json[] = row;
  if (
    typeof area !== "string" ||
    typeof key !== "string" ||
    (as !== "text" && as !== "base64") ||
    typeof value !== "string" ||
    (expiresAt !== null && typeof expiresAt !== "number")
  )
    throw invalid("An entry has another form.");
  return [area, key, as, value, expiresAt];
}

function toEntry([area, key, as, value, expiresAt]: Row): ContextEntry {
  return {
    area,
    key,
    value: as === "text" ? value : bytesOf(value),
    ...(expiresAt === null ? {} : { expiresAt }),
  };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return decodeBase64(base64);
  } catch {
    throw invalid("A value is no base64.");
  }
}

function digestOf(
  { engine, session, exportedAt }: Omit<SessionFile, "entries">,
  rows: readonly Row[],
): Promise<string> {
  return sha256(new TextEncoder().encode(JSON.stringify([FORMAT, engine, session, exportedAt, rows])));
}

function invalid(problem: string): OptimizerError {
  return new OptimizerError(`The file can't be imported: ${problem}`, {
    code: 400,
    kind: "invalid_file",
    hint: "Give the Blob that `sessions.export` made.",
  });
}
