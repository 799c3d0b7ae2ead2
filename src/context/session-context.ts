import { OptimizerError } from "../base/errors.ts";
import { textBytes } from "../base/text.ts";

/** What one session keeps between its runs: JSON texts by key. */
export interface SessionContext {
  get(key: string): Promise<string | undefined>;
  /** Rejects with 429 `context_full` when the session would grow over its size. */
  set(key: string, json: string): Promise<void>;
  delete(key: string): Promise<boolean>;
  keys(): Promise<readonly string[]>;
}

/** Hands out the context of a session. */
export interface ContextStore {
  open(session: string): SessionContext;
  delete(session: string): void;
}

export interface MemoryContextOptions {
  /** Keys and values of one session together, as UTF-8. Bytes, default 16 MiB. */
  readonly maxSessionBytes?: number;
  /** Sessions kept; the one unused longest goes first. Default 1,000. */
  readonly maxSessions?: number;
}

/** Keeps contexts in memory, for the life of the page. */
export function memory(options: MemoryContextOptions = {}): ContextStore {
  const { maxSessionBytes = 16 * 1024 * 1024, maxSessions = 1_000 } = options;
  const sessions = new Map<string, SessionContext>();
  return {
    open(session) {
      const context = sessions.get(session) ?? createContext(maxSessionBytes);
      sessions.delete(session);
      sessions.set(session, context);
      for (const oldest of sessions.keys()) {
        if (sessions.size <= maxSessions) break;
        sessions.delete(oldest);
      }
      return context;
    },
    delete: (session) => void sessions.delete(session),
  };
}

function createContext(maxBytes: number): SessionContext {
  const values = new Map<string, { readonly json: string; readonly bytes: number }>();
  let used = 0;
  return {
    get: async (key) => values.get(key)?.json,
    async set(key, json) {
      const bytes = textBytes(key) + textBytes(json);
      const after = used - (values.get(key)?.bytes ?? 0) + bytes;
      if (after > maxBytes) {
        throw new OptimizerError(`The session's context would hold ${after} bytes of ${maxBytes}.`, {
          code: 429,
          kind: "context_full",
          hint: "Delete keys that are no longer needed with context.delete(key), or keep less.",
        });
      }
      used = after;
      values.set(key, { json, bytes });
    },
    async delete(key) {
      used -= values.get(key)?.bytes ?? 0;
      return values.delete(key);
    },
    keys: async () => [...values.keys()],
  };
}
