// What crosses here: archived sessions as the store gives them back; what can't be read is left out.

import { isJsonObject, type JsonObject } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { ContextEntry } from "../context/session-content.ts";
import type { ContextValue, SessionContext } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";
import { parseLog, type RunLog, readLog } from "./run-log.ts";
import { parseRecord, RECORD_AREA, RECORD_KEY } from "./session-record.ts";

/** What is left of a session that ended: what it did, and nothing that it kept. */
export interface ArchivedSession extends RunLog {
  readonly id: string;
  /** Milliseconds since 1970; absent for a plain name, which nobody created. */
  readonly createdAt?: number;
  readonly endedAt: number;
  readonly end: "closed" | "expired";
  readonly metadata: JsonObject;
}

/** Area and key of a session's log. */
export const LOG_AREA = "audit";
export const LOG_KEY = "runs";

/** Sessions that are kept; the oldest goes first. */
const MAX_SESSIONS = 100;
/** They lie beside approvals, which must always find room. Bytes. */
const MAX_BYTES = 2 * 1024 * 1024;

const FORMAT = 1;

/** What is archived of a session that kept all this. */
export function toArchived(
  id: string,
  entries: readonly ContextEntry[],
  { end, endedAt }: Pick<ArchivedSession, "end" | "endedAt">,
): ArchivedSession {
  const find = (area: string, key: string): ContextValue | undefined =>
    entries.find((entry) => entry.area === area && entry.key === key)?.value;
  const record = parseRecord(find(RECORD_AREA, RECORD_KEY));
  return {
    id,
    ...(record === undefined ? {} : { createdAt: record.createdAt }),
    endedAt,
    end,
    metadata: record?.metadata ?? {},
    ...parseLog(find(LOG_AREA, LOG_KEY)),
  };
}

/** Adds one, and lets the oldest go that there is no room for. */
export async function putArchived(archive: SessionContext, session: ArchivedSession): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, ...session });
  const kept: { readonly key: string; readonly bytes: number }[] = [];
  for await (const [key, value] of archive.entries()) {
    if (key !== session.id) kept.push({ key, bytes: typeof value === "string" ? textBytes(value) : 0 });
  }
  let bytes = kept.reduce((sum, one) => sum + one.bytes, textBytes(text));
  for (const [at, one] of kept.entries()) {
    if (bytes <= MAX_BYTES && kept.length - at < MAX_SESSIONS) break;
    await archive.delete(one.key);
    bytes -= one.bytes;
  }
  await archive.set(session.id, text);
}

/** The oldest first. */
export async function listArchived(archive: SessionContext): Promise<readonly ArchivedSession[]> {
  const found: ArchivedSession[] = [];
  for await (const [key, value] of archive.entries()) {
    const session = parseArchived(key, value);
    if (session !== undefined) found.push(session);
  }
  return found;
}

function parseArchived(id: string, value: ContextValue): ArchivedSession | undefined {
  const fields = parseStored(value);
  if (!isJsonObject(fields) || fields.format !== FORMAT) return undefined;
  const { createdAt, endedAt, end, metadata } = fields;
  if (typeof endedAt !== "number" || (end !== "closed" && end !== "expired")) return undefined;
  return {
    id,
    ...(typeof createdAt === "number" ? { createdAt } : {}),
    endedAt,
    end,
    metadata: isJsonObject(metadata) ? metadata : {},
    ...readLog(fields),
  };
}
