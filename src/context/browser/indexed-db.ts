import { getMany, promisifyRequest, type UseStore } from "idb-keyval";
import { assertNever, messageOf, OptimizerError } from "../../base/errors.ts";
import { toBackendChange } from "../backend-change.ts";
import type { BackendChange, BackendStep, ContextBackend, ContextHealth } from "../context-backend.ts";
import { type ContextLimits, resolveContextLimits, SESSION_LIMITS } from "../context-limits.ts";
import { createListeners } from "../listeners.ts";
import { contextClosed, memory } from "../memory.ts";
import { DatabaseTrouble, OBJECT_STORE, openDatabase, transactionEnd } from "./database.ts";
import { TabChannel } from "./tab-channel.ts";
import { leadTabs } from "./tab-leader.ts";

/** Options of {@link indexedDb}. */
export interface IndexedDbOptions extends Partial<ContextLimits> {
  /** Of the database. All pages of the origin that name the same one share its sessions. Default `mcp-optimizer`. */
  readonly name?: string;
  /** How long another tab may hold the database before this page goes on in memory. Milliseconds, default 3,000. */
  readonly openTimeoutMs?: number;
  /** Default: the browser's own. */
  readonly factory?: IDBFactory;
  /** How tabs agree on who does what for all of them. Default: the browser's own. */
  readonly locks?: LockManager;
}

/** What a page takes of the origin's room. */
const INDEXED_DB_LIMITS: ContextLimits = { ...SESSION_LIMITS, maxTotalBytes: 256 * 1024 * 1024 };

/** Keys that one transaction lists. */
const KEY_BATCH = 1_000;

/** What calls on a connection end with that the browser, or another tab's upgrade, has closed. */
const LOST_CONNECTION: ReadonlySet<string> = new Set(["InvalidStateError", "AbortError", "UnknownError"]);

const DURABLE: ContextHealth = { state: "durable" };

/**
 * Keeps contexts in the browser's database, across reloads and for all tabs of the origin.
 *
 * Where the first opening fails, all goes on in memory and `health` says why: `volatile`. Once it was open, nothing
 * goes to memory any more: what was acknowledged would seem lost. Calls then reject with 500 `storage_failed` and
 * `health` says `degraded`, until the database is back.
 */
export function indexedDb(options: IndexedDbOptions = {}): ContextBackend {
  return new IndexedDbBackend(options);
}

class IndexedDbBackend implements ContextBackend {
  readonly name = "indexeddb";
  readonly limits: ContextLimits;
  readonly onChange: ContextBackend["onChange"];
  readonly onHealthChange: ContextBackend["onHealthChange"];
  readonly #database: string;
  readonly #openTimeoutMs: number;
  readonly #factory: IDBFactory | undefined;
  readonly #locks: LockManager | undefined;
  readonly #changes = createListeners<BackendChange>();
  readonly #healths = createListeners<ContextHealth>();
  readonly #running = new Set<Promise<unknown>>();
  #health: ContextHealth = { state: "volatile", reason: "opening", hint: "The database is being opened." };
  #opening: Promise<IDBDatabase> | undefined;
  #current: IDBDatabase | undefined;
  #channel: TabChannel | undefined;
  /** In its place when the first opening failed. */
  #memory: ContextBackend | undefined;
  #closed = false;

  constructor(options: IndexedDbOptions) {
    const { name = "mcp-optimizer", openTimeoutMs = 3_000, factory, locks, ...limits } = options;
    this.limits = resolveContextLimits(INDEXED_DB_LIMITS, limits);
    this.#database = name;
    this.#openTimeoutMs = openTimeoutMs;
    this.#factory = factory ?? findFactory();
    // Browsers have none outside of secure contexts.
    this.#locks = locks ?? globalThis.navigator?.locks;
    this.onChange = this.#changes.add;
    this.onHealthChange = this.#healths.add;
    // So that `health` tells soon; calls that come meanwhile wait for the same opening and hear of its trouble.
    this.#own(this.#open()).catch(() => undefined);
  }

  get health(): ContextHealth {
    return this.#health;
  }

  read(keys: readonly string[]): Promise<readonly unknown[]> {
    return this.#run(
      (use) => getMany<unknown>([...keys], use),
      (backend) => backend.read(keys),
    );
  }

  async change<Result>(
    keys: readonly string[],
    decide: (records: readonly unknown[]) => BackendStep<Result>,
  ): Promise<Result> {
    const outcome = await this.#run<StepOutcome<Result>>(
      (use) => use("readwrite", (store) => takeStep(store, keys, decide)),
      async (backend) => ({ type: "elsewhere", result: await backend.change(keys, decide) }),
    );
    switch (outcome.type) {
      case "refused":
        throw outcome.error;
      case "elsewhere":
        return outcome.result;
      case "kept": {
        const { records = new Map(), result } = outcome.step;
        if (records.size > 0) {
          this.#setHealth(DURABLE);
          const change = toBackendChange(records);
          this.#channel?.tell(change);
          this.#changes.tell(change);
        }
        return result;
      }
      default:
        return assertNever(outcome);
    }
  }

  async *keys(prefix: string): AsyncGenerator<string> {
    let after: string | undefined;
    for (;;) {
      const range = keyRange(prefix, after);
      const batch = await this.#run<readonly IDBValidKey[] | AsyncIterable<string>>(
        (use) => use("readonly", (store) => promisifyRequest(store.getAllKeys(range, KEY_BATCH))),
        async (backend) => backend.keys(prefix),
      );
      if (Symbol.asyncIterator in batch) {
        yield* batch;
        return;
      }
      for (const key of batch) if (typeof key === "string") yield key;
      const last = batch.at(-1);
      if (batch.length < KEY_BATCH || typeof last !== "string") return;
      after = last;
    }
  }

  async lead(work: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.#opening?.catch(() => undefined);
    // Memory is this page's alone.
    const locks = this.#memory === undefined ? this.#locks : undefined;
    await leadTabs(locks, `mcp-optimizer:${this.#database}`, work, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#channel?.close();
    this.#changes.clear();
    this.#healths.clear();
    await this.#memory?.[Symbol.asyncDispose]();
    this.#current?.close();
  }

  /** Works on the database, once more when the browser closed it under us, or in memory where there is none. */
  #run<Result>(
    inDatabase: (use: UseStore) => Promise<Result>,
    inMemory: (backend: ContextBackend) => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(contextClosed());
    return this.#own(this.#attempt(inDatabase, inMemory));
  }

  async #attempt<Result>(
    inDatabase: (use: UseStore) => Promise<Result>,
    inMemory: (backend: ContextBackend) => Promise<Result>,
  ): Promise<Result> {
    for (let again = true; ; again = false) {
      if (this.#memory !== undefined) return inMemory(this.#memory);
      let database: IDBDatabase;
      try {
        database = await this.#open();
      } catch (error) {
        if (this.#memory !== undefined) continue;
        throw this.#failure(error);
      }
      try {
        return await inDatabase(async (mode, work) =>
          work(database.transaction(OBJECT_STORE, mode, { durability: "strict" }).objectStore(OBJECT_STORE)),
        );
      } catch (error) {
        const name = error instanceof DOMException ? error.name : "";
        if (LOST_CONNECTION.has(name)) this.#forget(database);
        // A transaction that the browser ended was not kept: its step may be taken again. After an unknown error
        // nobody knows, and a step must not be taken twice.
        if (!again || !LOST_CONNECTION.has(name) || name === "UnknownError") throw this.#failure(error);
      }
    }
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= openDatabase(this.#factory, this.#database, this.#openTimeoutMs).then(
      (database) => {
        this.#watch(database);
        return database;
      },
      (error: unknown) => {
        this.#opening = undefined;
        // Before anything was kept there is nothing to lose: the page goes on in memory, and says so first.
        if (this.#channel === undefined && error instanceof DatabaseTrouble && !this.#closed) {
          this.#memory = memory(this.limits);
          this.#memory.onChange(this.#changes.tell);
          this.#setHealth(error.health);
        }
        throw error;
      },
    );
    return this.#opening;
  }

  #watch(database: IDBDatabase): void {
    this.#current = database;
    database.onclose = () => this.#forget(database);
    // Another tab wants to change or delete the database. What is under way is still kept.
    database.onversionchange = () => this.#forget(database);
    this.#channel ??= new TabChannel(`mcp-optimizer:${this.#database}`, this.#changes.tell);
    this.#setHealth(DURABLE);
  }

  /** The next call opens it anew. */
  #forget(database: IDBDatabase): void {
    database.close();
    if (this.#current !== database) return;
    this.#current = undefined;
    this.#opening = undefined;
  }

  #failure(error: unknown): OptimizerError {
    const full = error instanceof DOMException && error.name === "QuotaExceededError";
    const hint = full
      ? "The browser gives this site no more room. Delete what is no longer needed, or free space on the device."
      : error instanceof DatabaseTrouble
        ? (error.health.hint ?? "")
        : "Nothing was written. Try again, or load the page anew.";
    const reason = error instanceof DatabaseTrouble ? (error.health.reason ?? "") : "storage_failed";
    this.#setHealth({ state: "degraded", reason: full ? "storage_full" : reason, hint });
    return new OptimizerError(
      full ? "The browser's storage is full." : `The browser's database failed: ${messageOf(error)}`,
      {
        code: full ? 429 : 500,
        kind: full ? "storage_full" : "storage_failed",
        hint,
        retryable: !full,
        cause: error,
      },
    );
  }

  #setHealth(health: ContextHealth): void {
    if (health.state === this.#health.state && health.reason === this.#health.reason) return;
    this.#health = health;
    this.#healths.tell(health);
  }

  /** Closing waits for it. */
  #own<Result>(work: Promise<Result>): Promise<Result> {
    this.#running.add(work);
    const end = (): void => void this.#running.delete(work);
    work.then(end, end);
    return work;
  }
}

/** How a step ends. */
type StepOutcome<Result> =
  | { readonly type: "kept"; readonly step: BackendStep<Result> }
  /** `decide` threw: an error of the caller's, whatever it looks like. */
  | { readonly type: "refused"; readonly error: unknown }
  /** Taken in memory. */
  | { readonly type: "elsewhere"; readonly result: Result };

/** Reads, decides and writes within one transaction. */
async function takeStep<Result>(
  store: IDBObjectStore,
  keys: readonly string[],
  decide: (records: readonly unknown[]) => BackendStep<Result>,
): Promise<StepOutcome<Result>> {
  const kept = transactionEnd(store.transaction);
  // Whoever fails first below says why.
  kept.catch(() => undefined);
  const records = await Promise.all(keys.map((key) => promisifyRequest<unknown>(store.get(key))));
  let step: BackendStep<Result>;
  try {
    step = decide(records);
  } catch (error) {
    store.transaction.abort();
    return { type: "refused", error };
  }
  try {
    for (const [key, record] of step.records ?? []) {
      if (record === undefined) store.delete(key);
      else store.put(record, key);
    }
  } catch (error) {
    // What was written before it must not be kept alone.
    store.transaction.abort();
    throw error;
  }
  await kept;
  return { type: "kept", step };
}

/** The keys that begin with `prefix`, after one of them. */
function keyRange(prefix: string, after: string | undefined): IDBKeyRange | null {
  if (prefix === "") return after === undefined ? null : IDBKeyRange.lowerBound(after, true);
  const last = prefix.length - 1;
  const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  return IDBKeyRange.bound(after ?? prefix, end, after !== undefined, true);
}

/** A frame without an origin may throw already at the name. */
function findFactory(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB;
  } catch {
    return undefined;
  }
}
