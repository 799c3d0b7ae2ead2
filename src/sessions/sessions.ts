import { findOptimizerError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { ContextStore, ExpiredSession } from "../context/context-store.ts";
import type { ContextPlace } from "../context/record-keys.ts";
import type { ContextEntry } from "../context/session-content.ts";
import type { SessionContext } from "../context/session-context.ts";
import { unknownSession } from "../context/stored-session.ts";
import { LogWriter } from "./log-writer.ts";
import { appendRuns, formatLog, parseLog, type RunLog, type RunRecord } from "./run-log.ts";
import {
  type ArchivedSession,
  LOG_AREA,
  LOG_KEY,
  listArchived,
  putArchived,
  toArchived,
} from "./session-archive.ts";
import { formatSessionFile } from "./session-file.ts";
import { type Imported, importSession } from "./session-import.ts";
import { isCreatedId, newSessionId, requireSessionName, SHARED_SESSION } from "./session-names.ts";
import {
  type CreateSessionOptions,
  formatRecord,
  parseRecord,
  RECORD_AREA,
  RECORD_KEY,
  resolveRecord,
  type SessionRecord,
} from "./session-record.ts";

/** A session that somebody created. */
export interface Session {
  /** What runs name as their `session`. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly ttlMs?: number;
  /** When it ends unless it is used before. Each run, and `touch`, moves that on. Absent: it does not end by itself. */
  readonly expiresAt?: number;
  readonly keepGlobals: boolean;
  readonly metadata: JsonObject;
}

/**
 * Sessions from their beginning to their end.
 *
 * `create` gives a session an id, and with it a life of its own: runs of an id that was closed, has expired or
 * never was are refused with 400 `unknown_session`. Any other name is plain, such as `default`: the first run
 * begins it, and it stays until it is closed. A session may also go because others need its room
 * (`ContextLimits`); that leaves nothing in the archive.
 */
export interface Sessions {
  /** Rejects with 400 `invalid_options`, 403 `other_tenant`, and with 429 when there is no room. */
  create(options?: CreateSessionOptions): Promise<Session>;
  /** `undefined` for one that nobody created, or that has ended. */
  get(id: string): Promise<Session | undefined>;
  /** Those that were created and have not ended. `optimizer.context.sessions()` has plain ones too. */
  list(): Promise<readonly Session[]>;
  /** It is used now. Rejects with 400 `unknown_session`. */
  touch(id: string): Promise<Session>;
  /** What its runs did; of a plain name too. */
  log(session: string): Promise<RunLog>;
  /**
   * Ends a session: its log goes to the archive, all else is deleted, suspended runs included. A plain name
   * begins anew with its next run. Rejects with 400 `unknown_session` when there is nothing.
   */
  close(session: string): Promise<ArchivedSession>;
  /** What is left of sessions that ended, the oldest first; the last hundred at most. */
  archive(): Promise<readonly ArchivedSession[]>;
  /** All of a session as one file. What somebody approved is the tenant's and not in it. Rejects with 400 `unknown_session`. */
  export(session: string): Promise<Blob>;
  /**
   * Reads such a file. It is trusted as the store is: import only what you exported.
   *
   * Goes under its own name, with its time to live begun anew; or `as` another one, a plain name or a created
   * session, that holds nothing yet: then what is bound to the old name is dropped. Rejects with 400
   * `session_exists`, `unknown_session`, `invalid_file`, `newer_file`, 403 `integrity`, and with 429 for what is too large.
   */
  import(file: Blob, options?: { readonly as?: string }): Promise<Imported>;
}

/** What a run needs of its session, beside what the session keeps. */
export interface SessionKeeper extends AsyncDisposable {
  readonly sessions: Sessions;
  /** A run begins, which takes `maxMs` at most: so long the session does not end. Rejects with 400 `unknown_session`. */
  enter(session: string, maxMs: number): Promise<{ readonly keepGlobals: boolean }>;
  /** The run is over. Call it once for each that entered. */
  leave(session: string): void;
  /** Notes what a run did. */
  note(session: string, record: RunRecord): void;
  /** Archives and deletes what has expired, of all tenants. */
  collect(): Promise<void>;
}

export interface SessionKeeperOptions {
  readonly store: ContextStore;
  readonly tenant: string | undefined;
  /** The store's clock. Default `Date.now`. */
  readonly now?: () => number;
  /** How late it may be written what runs did. Milliseconds, default 500. */
  readonly logDelayMs?: number;
}

export function createSessionKeeper(options: SessionKeeperOptions): SessionKeeper {
  const { store, tenant, now = Date.now, logDelayMs = 500 } = options;
  const place = (session: string, owner = tenant): Omit<ContextPlace, "area"> =>
    owner === undefined ? { session } : { tenant: owner, session };
  const open = (session: string, area: string): SessionContext =>
    store.open({ ...place(session), area }, { mustExist: isCreatedId(session) });
  const archiveOf = (owner: string | undefined): SessionContext =>
    store.open({ ...place(SHARED_SESSION, owner), area: "archive" });
  /** Runs of this page that are under way. */
  const running = new Map<string, number>();

  const writer = new LogWriter({
    delayMs: logDelayMs,
    async append(session, records) {
      await open(session, LOG_AREA).update(LOG_KEY, (log) => formatLog(appendRuns(parseLog(log), records)));
      const record = (running.get(session) ?? 0) === 0 ? await findRecord(session) : undefined;
      if (record !== undefined) await prolong(session, record, 0);
    },
  });

  const findRecord = async (session: string): Promise<SessionRecord | undefined> =>
    isCreatedId(session) ? parseRecord(await open(session, RECORD_AREA).get(RECORD_KEY)) : undefined;

  const requireRecord = async (session: string): Promise<SessionRecord> => {
    const record = await findRecord(session);
    if (record === undefined) throw unknownSession();
    return record;
  };

  const prolong = async (session: string, { ttlMs }: SessionRecord, moreMs: number): Promise<void> => {
    const area = open(session, RECORD_AREA);
    await (ttlMs === undefined ? area.touch() : area.setExpiry(now() + ttlMs + moreMs));
  };

  const toSession = (id: string, record: SessionRecord, expiresAt: number | undefined): Session => ({
    id,
    ...record,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });

  const get = async (id: string): Promise<Session | undefined> => {
    const record = await findRecord(requireSessionName(id));
    if (record === undefined) return undefined;
    const summary = await open(id, RECORD_AREA).summary();
    return summary && toSession(id, record, summary.expiresAt);
  };

  /** Everything of a session that is there. One that can't be read can still be closed. */
  const contentOf = async (session: string): Promise<readonly ContextEntry[]> => {
    await writer.flush();
    const entries = await store.content(place(requireSessionName(session)));
    if (entries.length === 0) throw unknownSession();
    return entries;
  };

  const archiveExpired = async ({ tenant: owner, session, entries }: ExpiredSession): Promise<void> => {
    if (!isCreatedId(session)) return;
    try {
      await putArchived(archiveOf(owner), toArchived(session, entries, { end: "expired", endedAt: now() }));
    } catch (error) {
      // It goes all the same: its time is over.
      console.warn(`mcp-optimizer: the log of ${session} could not be archived: ${messageOf(error)}`);
    }
  };

  const sessions: Sessions = {
    async create(createOptions = {}) {
      const id = newSessionId();
      const record = resolveRecord(createOptions, tenant, now());
      const expiresAt = record.ttlMs === undefined ? undefined : now() + record.ttlMs;
      await store.fill(place(id), {
        entries: [{ area: RECORD_AREA, key: RECORD_KEY, value: formatRecord(record) }],
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      return toSession(id, record, expiresAt);
    },

    get,

    async list() {
      const found: Session[] = [];
      for await (const { name } of store.sessions(tenant)) {
        const session = isCreatedId(name) ? await get(name) : undefined;
        if (session !== undefined) found.push(session);
      }
      return found.sort((one, other) => one.createdAt - other.createdAt);
    },

    async touch(id) {
      const record = await requireRecord(requireSessionName(id));
      await prolong(id, record, 0);
      const session = await get(id);
      if (session === undefined) throw unknownSession();
      return session;
    },

    async log(session) {
      await writer.flush();
      return parseLog(await open(requireSessionName(session), LOG_AREA).get(LOG_KEY));
    },

    async close(session) {
      const entries = await contentOf(session).catch((error: unknown) => {
        if (findOptimizerError(error)?.kind !== "corrupt_record") throw error;
        return [];
      });
      const archived = toArchived(session, entries, { end: "closed", endedAt: now() });
      await putArchived(archiveOf(tenant), archived);
      if (!(await store.drop(place(session)))) throw unknownSession();
      return archived;
    },

    archive: () => listArchived(archiveOf(tenant)),

    async export(session) {
      return formatSessionFile(session, await contentOf(session), now());
    },

    import: (file, importOptions = {}) => importSession(file, importOptions, { store, place, now }),
  };

  return {
    sessions,

    async enter(session, maxMs) {
      const record = isCreatedId(session) ? await requireRecord(session) : undefined;
      if (record !== undefined) await prolong(session, record, maxMs);
      running.set(session, (running.get(session) ?? 0) + 1);
      return { keepGlobals: record?.keepGlobals === true };
    },

    leave(session) {
      const left = (running.get(session) ?? 1) - 1;
      if (left > 0) running.set(session, left);
      else running.delete(session);
    },

    note: (session, record) => writer.note(session, record),

    async collect() {
      await writer.flush();
      await store.collect(archiveExpired);
    },

    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}
