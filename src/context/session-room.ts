import { findOptimizerError } from "../base/errors.ts";
import type { ContextBackend } from "./context-backend.ts";
import {
  INDEX_PREFIX,
  type IndexedSession,
  readIndexKey,
  type SessionKeys,
  TOTALS_KEY,
} from "./record-keys.ts";
import { isExpired } from "./session-draft.ts";
import { formatTotals, parseIndex, type SessionIndex } from "./session-index.ts";

/** A session that is kept, and its index as it was when it was read. */
export interface KeptSession extends IndexedSession {
  readonly index: SessionIndex;
}

/** Indexes that are read at one time. */
const BATCH = 64;

/** Every session whose index can be read, of all tenants or of one. What can't be read is left alone. */
export async function* keptSessions(
  backend: ContextBackend,
  prefix = INDEX_PREFIX,
): AsyncGenerator<KeptSession> {
  let batch: IndexedSession[] = [];
  for await (const key of backend.keys(prefix)) {
    const found = readIndexKey(key);
    if (found !== undefined) batch.push(found);
    if (batch.length < BATCH) continue;
    yield* await readBatch(backend, batch);
    batch = [];
  }
  yield* await readBatch(backend, batch);
}

async function readBatch(
  backend: ContextBackend,
  batch: readonly IndexedSession[],
): Promise<readonly KeptSession[]> {
  if (batch.length === 0) return [];
  const records = await backend.read(batch.map(({ keys }) => keys.index));
  return batch.flatMap((session, at) => {
    const index = readableIndex(records[at]);
    return index === undefined ? [] : [{ ...session, index }];
  });
}

/**
 * The sessions that may go so that others have room, in the order in which they do: those that expired, then those
 * unused longest. The one that is being written is not among them.
 */
export async function sessionsToEvict(
  backend: ContextBackend,
  writing: SessionKeys,
  now: number,
  lastUse: (session: KeptSession) => number,
): Promise<readonly KeptSession[]> {
  const candidates: { readonly session: KeptSession; readonly rank: number }[] = [];
  for await (const session of keptSessions(backend)) {
    if (session.keys.index === writing.index) continue;
    const rank = isExpired(session.index.expiresAt, now) ? Number.NEGATIVE_INFINITY : lastUse(session);
    candidates.push({ session, rank });
  }
  return candidates.sort((one, other) => one.rank - other.rank).map(({ session }) => session);
}

/** Deletes every record of a session whose index says nothing. */
export async function dropRecords(backend: ContextBackend, { index, prefix }: SessionKeys): Promise<void> {
  const records = new Map<string, undefined>([[index, undefined]]);
  for await (const key of backend.keys(prefix)) records.set(key, undefined);
  await backend.change([], () => ({ records, result: undefined }));
  await countSessions(backend);
}

/** Counts all sessions anew. One that another tab begins in the same moment is counted the next time. */
export async function countSessions(backend: ContextBackend): Promise<void> {
  const keys: string[] = [];
  for await (const key of backend.keys(INDEX_PREFIX)) keys.push(key);
  await backend.change([TOTALS_KEY, ...keys], ([before, ...records]) => {
    const indexes = records.map(readableIndex).filter((index) => index !== undefined);
    const bytes = indexes.reduce((sum, index) => sum + index.bytes, 0);
    const text = formatTotals({ bytes, sessions: indexes.length });
    return text === before
      ? { result: undefined }
      : { records: new Map([[TOTALS_KEY, text]]), result: undefined };
  });
}

/** `undefined` for an index that can't be read, too. */
export function readableIndex(record: unknown): SessionIndex | undefined {
  try {
    return parseIndex(record);
  } catch (error) {
    if (findOptimizerError(error) === undefined) throw error;
    return undefined;
  }
}
