import { findOptimizerError } from "../base/errors.ts";
import type { ContextBackend, ContextHealth } from "./context-backend.ts";
import { type ContextLimits, resolveContextLimits } from "./context-limits.ts";
import { createListeners } from "./listeners.ts";
import { contextClosed } from "./memory.ts";
import {
  type ContextPlace,
  INDEX_PREFIX,
  requireArea,
  type SessionKeys,
  sessionKeys,
  tenantPrefix,
} from "./record-keys.ts";
import { type ContextEntry, fillDraft, readContent, type SessionContent } from "./session-content.ts";
import type { SessionContext, SessionReader, SessionSummary } from "./session-context.ts";
import { isExpired } from "./session-draft.ts";
import { SessionLedger } from "./session-ledger.ts";
import { countSessions, dropRecords, keptSessions } from "./session-room.ts";
import { createStoredSession, summaryOf, unknownSession } from "./stored-session.ts";

/** What may be read of the contexts of all sessions. */
export interface ContextReader {
  /** How safe what is kept is. */
  readonly health: ContextHealth;
  /** Called when `health` is another. Returns the way to stop. */
  onHealthChange(listener: (health: ContextHealth) => void): () => void;
  open(place: ContextPlace): SessionReader;
  /** The sessions of a tenant, or those without one. A session that can't be read is not among them. */
  sessions(tenant?: string): AsyncIterable<SessionSummary>;
}

/**
 * Keeps the contexts of sessions over a backend: expiry, sizes, eviction and namespaces are its own.
 *
 * Over `maxTotalBytes` or `maxSessions` whole sessions go, those that expired and then those unused longest;
 * never the one that is being written. Disposing it writes what it still has to, and leaves the backend open.
 */
export interface ContextStore extends ContextReader, AsyncDisposable {
  /** What it holds its sessions to. */
  readonly limits: ContextLimits;
  open(place: ContextPlace, options?: OpenOptions): SessionContext;
  /** Everything that a session keeps, all areas, as it was at one moment. Rejects with 500 `corrupt_record`. */
  content(place: SessionPlace): Promise<readonly ContextEntry[]>;
  /** Writes a whole session in one step. Rejects with 400 `session_exists` where there is something, and with 429. */
  fill(place: SessionPlace, content: SessionContent, options?: FillOptions): Promise<void>;
  /** Deletes a session with all its areas, also one that can't be read. Resolves with whether there was one. */
  drop(place: SessionPlace): Promise<boolean>;
  /**
   * Deletes what has expired, of all tenants, and counts anew. Resolves with the room that came free, in bytes.
   * `onExpired` sees each session that can be read before it goes, and must not reject.
   */
  collect(onExpired?: (session: ExpiredSession) => Promise<void>): Promise<number>;
}

type SessionPlace = Pick<ContextPlace, "tenant" | "session">;

/** How a session is opened. */
export interface OpenOptions {
  /**
   * Changes reject with 400 `unknown_session` where there is no session, or no longer: nothing begins one
   * anew that was dropped or expired meanwhile, in whatever tab. Default false: the first value begins one.
   */
  readonly mustExist?: boolean;
}

/** How a whole session is written. */
export interface FillOptions extends OpenOptions {
  /** The one area that may hold something already; the session's end then stays as it is. */
  readonly beside?: string;
}

/** A session whose time is over, before it goes. */
export interface ExpiredSession extends Pick<ContextPlace, "tenant" | "session"> {
  readonly entries: readonly ContextEntry[];
}

export interface ContextStoreOptions {
  /** Default: those of the backend. */
  readonly limits?: Partial<ContextLimits>;
  /** The clock that expiry goes by, the same for all who share the records. Milliseconds, default `Date.now`. */
  readonly now?: () => number;
  /** How late it may be written that a session was read. Milliseconds, default 10,000. */
  readonly useDelayMs?: number;
}

export function createContextStore(backend: ContextBackend, options: ContextStoreOptions = {}): ContextStore {
  const { now = Date.now, useDelayMs = 10_000 } = options;
  const limits = resolveContextLimits(backend.limits, options.limits);
  const ledger = new SessionLedger({ backend, limits, now, useDelayMs });
  const healthListeners = createListeners<ContextHealth>();
  const stops = new Set<() => void>();
  const running = new Set<Promise<unknown>>();
  let unreadable: ContextHealth | undefined;
  let closed = false;

  const health = (): ContextHealth =>
    backend.health.state === "durable" && unreadable !== undefined ? unreadable : backend.health;

  const noteUnreadable = (error: unknown): void => {
    const { kind, hint = "" } = findOptimizerError(error) ?? {};
    if (unreadable !== undefined || (kind !== "corrupt_record" && kind !== "newer_record")) return;
    unreadable = { state: "degraded", reason: kind, hint };
    healthListeners.tell(health());
  };

  const guard = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (closed) throw contextClosed();
    const call = work();
    running.add(call);
    try {
      return await call;
    } catch (error) {
      noteUnreadable(error);
      throw error;
    } finally {
      running.delete(call);
    }
  };

  const listen = (start: () => () => void): (() => void) => {
    const stop = start();
    stops.add(stop);
    return () => {
      stops.delete(stop);
      stop();
    };
  };
  listen(() => backend.onHealthChange(() => healthListeners.tell(health())));

  const drop = async (keys: SessionKeys): Promise<boolean> => {
    try {
      return await ledger.change(keys, [], (draft) => {
        draft.clear();
        return draft.existed;
      });
    } catch (error) {
      const kind = findOptimizerError(error)?.kind;
      if (kind !== "corrupt_record" && kind !== "newer_record") throw error;
      await dropRecords(backend, keys);
      return true;
    }
  };

  return {
    limits,
    get health() {
      return health();
    },
    onHealthChange: healthListeners.add,

    open: ({ area, ...place }, { mustExist = false } = {}) =>
      createStoredSession({
        ledger,
        keys: sessionKeys(place),
        name: place.session,
        area: requireArea(area),
        mustExist,
        now,
        guard,
        onChange: (listener) => listen(() => backend.onChange(listener)),
      }),

    async *sessions(tenant) {
      if (closed) throw contextClosed();
      for await (const session of keptSessions(backend, tenantPrefix(tenant))) {
        const { session: name, index } = session;
        if (isExpired(index.expiresAt, now())) continue;
        yield summaryOf(name, index, ledger.lastUse(session));
      }
    },

    content: (place) =>
      guard(async () => {
        const keys = sessionKeys(place);
        const { index } = await ledger.read(keys);
        return isExpired(index?.expiresAt, now()) ? [] : readContent(backend, keys, now());
      }),

    fill: (place, content, { mustExist = false, beside } = {}) =>
      guard(() =>
        ledger.change(sessionKeys(place), [], (draft) => {
          if (mustExist && !draft.wasAlive) throw unknownSession();
          fillDraft(draft, content, beside, now());
        }),
      ),

    drop: (place) => guard(() => drop(sessionKeys(place))),

    collect: (onExpired) =>
      guard(async () => {
        let freed = 0;
        for await (const { keys, index, ...place } of keptSessions(backend, INDEX_PREFIX)) {
          const time = now();
          const parts = [index, ...index.entries.values()];
          if (!parts.some(({ expiresAt }) => isExpired(expiresAt, time))) continue;
          if (onExpired !== undefined && isExpired(index.expiresAt, time)) {
            const entries = await readContent(backend, keys, 0).catch(noteUnreadable);
            if (entries !== undefined) await onExpired({ ...place, entries });
          }
          freed -= await ledger.change(keys, [], (draft) => {
            draft.keepLastUse();
            return draft.growth;
          });
        }
        await countSessions(backend);
        return freed;
      }),

    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(running);
      // What is lost then is when sessions were read.
      await ledger.writeUses().catch(() => undefined);
      for (const stop of stops) stop();
      healthListeners.clear();
    },
  };
}
