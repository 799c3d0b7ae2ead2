import { OptimizerError } from "../base/errors.ts";
import type { ContextRecord } from "./context-backend.ts";
import type { ContextLimits } from "./context-limits.ts";
import { valueName } from "./record-keys.ts";
import { entryBytes, type IndexEntry, type SessionIndex } from "./session-index.ts";

/** A session while one step changes it: what has expired is gone from the start. */
export class SessionDraft {
  /** Values to write or delete, by name. */
  readonly values = new Map<string, ContextRecord | undefined>();
  readonly #before: SessionIndex | undefined;
  readonly #entries: Map<string, IndexEntry>;
  readonly #now: number;
  #bytes: number;
  #expiresAt: number | undefined;
  #changed = false;
  #used = true;

  constructor(before: SessionIndex | undefined, now: number) {
    this.#before = before;
    this.#now = now;
    this.#entries = new Map(before?.entries);
    this.#bytes = before?.bytes ?? 0;
    this.#expiresAt = before?.expiresAt;
    if (isExpired(this.#expiresAt, now)) this.clear();
    for (const { area, key, expiresAt } of this.#entries.values())
      if (isExpired(expiresAt, now)) this.remove(area, key);
  }

  /** Whether anything was kept before the step. */
  get existed(): boolean {
    return this.#before !== undefined;
  }

  /** Whether the session was there, and had not ended, before the step. */
  get wasAlive(): boolean {
    return this.#before !== undefined && !isExpired(this.#before.expiresAt, this.#now);
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** What the step adds to the session; negative when it frees room. Bytes. */
  get growth(): number {
    return this.#bytes - (this.#before?.bytes ?? 0);
  }

  /** Areas that hold something now. */
  get areas(): ReadonlySet<string> {
    return new Set(Array.from(this.#entries.values(), ({ area }) => area));
  }

  find(area: string, key: string): IndexEntry | undefined {
    return this.#entries.get(valueName(area, key));
  }

  put(area: string, key: string, value: ContextRecord, ttlMs: number | undefined): void {
    const name = valueName(area, key);
    const bytes = entryBytes(key, value);
    this.#bytes += bytes - (this.#entries.get(name)?.bytes ?? 0);
    const expiresAt = ttlMs === undefined ? undefined : this.#now + ttlMs;
    this.#entries.set(name, { area, key, bytes, expiresAt });
    this.values.set(name, value);
    this.#changed = true;
  }

  remove(area: string, key: string): boolean {
    const name = valueName(area, key);
    const entry = this.#entries.get(name);
    if (entry === undefined) return false;
    this.#bytes -= entry.bytes;
    this.#entries.delete(name);
    this.values.set(name, undefined);
    this.#changed = true;
    return true;
  }

  /** Empties the session, its expiry too. */
  clear(): void {
    for (const { area, key } of this.#entries.values()) this.remove(area, key);
    this.expireAt(undefined);
  }

  expireAt(time: number | undefined): void {
    if (time !== this.#expiresAt) this.#changed = true;
    this.#expiresAt = time;
  }

  /** Only the time of use changes. */
  touch(): void {
    if (this.#before !== undefined) this.#changed = true;
  }

  /** The step is the store's own: it does not count as a use of the session. */
  keepLastUse(): void {
    this.#used = false;
  }

  /** `undefined` for a session that keeps nothing. */
  toIndex(): SessionIndex | undefined {
    if (this.#entries.size === 0 && this.#expiresAt === undefined) return undefined;
    return {
      bytes: this.#bytes,
      lastUsedAt: this.#used ? this.#now : (this.#before?.lastUsedAt ?? this.#now),
      expiresAt: this.#expiresAt,
      entries: this.#entries,
    };
  }

  /** Throws 429 `context_full` when the step makes the session larger than it may be. */
  requireRoom({ maxSessionBytes, maxSessionKeys }: ContextLimits): void {
    const keysBefore = this.#before?.entries.size ?? 0;
    const keys = this.#entries.size;
    if (this.growth > 0 && this.#bytes > maxSessionBytes)
      throw contextFull(`${this.#bytes} bytes of ${maxSessionBytes}`);
    if (keys > keysBefore && keys > maxSessionKeys) throw contextFull(`${keys} keys of ${maxSessionKeys}`);
  }
}

/** Whether a time has come. */
export function isExpired(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

function contextFull(what: string): OptimizerError {
  return new OptimizerError(`The session's context would hold ${what}.`, {
    code: 429,
    kind: "context_full",
    hint: "Delete keys that are no longer needed with context.delete(key), or keep less.",
  });
}
