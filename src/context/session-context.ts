import type { ContextRecord } from "./context-backend.ts";

/** A value: JSON text, or bytes. Both ways it is a copy of its own. */
export type ContextValue = ContextRecord;

/** A session as a whole. */
export interface SessionSummary {
  readonly name: string;
  /** Keys and values of all areas. */
  readonly bytes: number;
  /** Milliseconds of the store's clock. */
  readonly lastUsedAt: number;
  /** Absent when it does not expire as a whole. */
  readonly expiresAt?: number;
}

/** What one session keeps, as far as it may be read. */
export interface SessionReader {
  /** Rejects with 500 `corrupt_record` when the stored value can't be read; it stays where it is. */
  get(key: string): Promise<ContextValue | undefined>;
  /** In the order in which they came. */
  keys(): Promise<readonly string[]>;
  /** Every value that can be read, of the keys that were there at the start and still are when their turn comes. */
  entries(): AsyncIterable<readonly [key: string, value: ContextValue]>;
  /** What is known of the whole session, all areas; `undefined` when it keeps nothing, or has ended. */
  summary(): Promise<SessionSummary | undefined>;
  /** Hears of changes after they are kept, also of other tabs. Returns the way to stop. */
  onChange(listener: (change: ContextChange) => void): () => void;
}

/**
 * What one session keeps between its runs, by key.
 *
 * Every promise resolves when the change is kept as safely as the store's `health` says. Changes reject with 429
 * `context_full` when the session would grow over its size and with 429 `storage_full` when there is no room
 * in all: then the old value is still there. Others' changes are never lost: each step sees all that were acknowledged.
 */
export interface SessionContext extends SessionReader {
  set(key: string, value: ContextValue, options?: SetOptions): Promise<void>;
  /** Resolves with whether there was a value. */
  delete(key: string): Promise<boolean>;
  /**
   * One atomic step from the value that is there to the next; `undefined` deletes. `change` is synchronous and may
   * be called again, whenever another tab was faster. Resolves with what is kept.
   */
  update(
    key: string,
    change: (value: ContextValue | undefined) => ContextValue | undefined,
    options?: SetOptions,
  ): Promise<ContextValue | undefined>;
  /** The whole session, every area, was used now. Reading and writing say so by themselves, reading after a while. */
  touch(): Promise<void>;
  /** The whole session, every area, ends at this time of the store's clock, in milliseconds; `undefined`: never. */
  setExpiry(expiresAt: number | undefined): Promise<void>;
}

export interface SetOptions {
  /** After this long the value is gone. Milliseconds. Default: it stays. */
  readonly ttlMs?: number;
}

/** One value changed. */
export interface ContextChange {
  readonly key: string;
  /** `delete` also when it expired, or its session was dropped. */
  readonly type: "set" | "delete";
  /** By another tab or host: it may arrive late, or not at all when that one died. */
  readonly elsewhere: boolean;
}
