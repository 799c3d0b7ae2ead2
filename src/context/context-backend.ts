import type { ContextLimits } from "./context-limits.ts";

/** What a backend keeps under one key: JSON text, or bytes. */
export type ContextRecord = string | Uint8Array<ArrayBuffer>;

/**
 * One place that keeps records by key: memory, a browser's database, a server.
 *
 * A backend knows nothing of sessions: expiry, sizes and namespaces are written once above it
 * (`createContextStore`). Keys are texts of any whole characters. Whoever hands bytes in or gets them out
 * never changes them: the store copies at its own door.
 */
export interface ContextBackend extends AsyncDisposable {
  /** Short name, such as `memory`. */
  readonly name: string;
  /** What this backend has room for; a store holds its sessions to it. */
  readonly limits: ContextLimits;
  /** How safe the records are now. Changes before the first record is kept less safely, never after. */
  readonly health: ContextHealth;
  /**
   * The records of some keys, all as they were at one moment; `undefined` where there is none.
   *
   * They come from outside, another program or another version may have written them: read them with a parser.
   */
  read(keys: readonly string[]): Promise<readonly unknown[]>;
  /**
   * One atomic step, also against other tabs and hosts.
   *
   * Reads `keys`, asks `decide` what to write, and resolves with its result when that is kept as safely as
   * `health` says. `decide` is synchronous and may be asked again, whenever others were faster. When it throws,
   * nothing is written and the step rejects with what it threw. Rejects with 429 `storage_full` when there is no
   * room, and with 500 `storage_failed` or `storage_unavailable` when the place is out of reach: then nothing was
   * written either. A place beyond a network may not know: then it rejects with 500 `storage_outcome_unknown`.
   */
  change<Result>(
    keys: readonly string[],
    decide: (records: readonly unknown[]) => BackendStep<Result>,
  ): Promise<Result>;
  /** The keys that begin with `prefix`, in no order that counts. One that comes or goes meanwhile may be missing or there. */
  keys(prefix: string): AsyncIterable<string>;
  /** Hears of every step that wrote something, of this backend and of others over the same records. Returns the way to stop. */
  onChange(listener: (change: BackendChange) => void): () => void;
  /** Called when `health` is another. Returns the way to stop. */
  onHealthChange(listener: (health: ContextHealth) => void): () => void;
  /**
   * Does something in one at a time of those who share the records: here when nobody else does it. Resolves when
   * `work` has, or when `signal` aborted before it began. Absent where nobody shares them, or nobody can tell.
   *
   * `leading` aborts with `signal`, and when another may lead: `work` ends soon then, and begins anew when it is
   * this one's turn again. Changes that it asks for after that are refused.
   */
  lead?(work: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** What one step writes: a record by key, `undefined` to delete it. */
export interface BackendStep<Result> {
  readonly records?: ReadonlyMap<string, ContextRecord | undefined>;
  readonly result: Result;
}

/** Keys that one step changed. */
export interface BackendChange {
  readonly written: readonly string[];
  readonly deleted: readonly string[];
  /** By another tab or host: it may arrive late, or not at all when that one died. */
  readonly elsewhere: boolean;
}

/**
 * How safe what is kept is.
 *
 * - `durable`: what was acknowledged outlives the page, or the host and its server.
 * - `volatile`: all works, in memory only; it ends with the page, or with the server.
 * - `degraded`: something is out of reach; the calls that it touches fail, and nothing acknowledged is lost.
 */
export interface ContextHealth {
  readonly state: "durable" | "volatile" | "degraded";
  /** Stable name of the cause, absent when durable. */
  readonly reason?: string;
  /** What to do about it, for the person who runs the page or host. */
  readonly hint?: string;
}
