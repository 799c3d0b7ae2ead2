import { randomBytes, randomUUID } from "node:crypto";
import { OptimizerError } from "../../base/errors.ts";
import { isJsonObject, parseJson } from "../../base/json.ts";
import { parseChange, toBackendChange } from "../../context/backend-change.ts";
import type {
  BackendChange,
  BackendStep,
  ContextBackend,
  ContextHealth,
} from "../../context/context-backend.ts";
import { type ContextLimits, resolveContextLimits, SESSION_LIMITS } from "../../context/context-limits.ts";
import { createListeners } from "../../context/listeners.ts";
import { contextClosed } from "../../context/memory.ts";
import { checkServer } from "./redis-check.ts";
import { createClient, type RedisAccess, type RedisPlace, requirePlace } from "./redis-client.ts";
import { Leadership } from "./redis-leader.ts";
import { type CallOptions, RedisLink } from "./redis-link.ts";
import { decodeRecord, encodeRecord, STEP_ID_BYTES, versionOf } from "./redis-records.ts";
import { ACQUIRE, NOT_LEADING, READ, RELEASE, RENEW, WRITE, WRITTEN } from "./redis-scripts.ts";
import { StepQueue, type WriteStep } from "./redis-steps.ts";

/** Options of {@link redis}. */
export interface RedisOptions extends RedisPlace, RedisAccess, Partial<ContextLimits> {
  /**
   * Every key begins with it, in braces. Hosts that name the same one share its sessions; they should name the same
   * limits too. In a Cluster all of it is in one slot. Default `mcp-optimizer`; no braces.
   */
  readonly prefix?: string;
  /** What one call may take, waiting for a server that restarts or fails over included. Milliseconds, default 5,000. */
  readonly timeoutMs?: number;
  /** After how long another host may lead when the one that does is silent. Milliseconds, default 15,000. */
  readonly leaseMs?: number;
}

/** What a host takes of Redis's memory. */
const REDIS_LIMITS: ContextLimits = {
  ...SESSION_LIMITS,
  maxTotalBytes: 1024 * 1024 * 1024,
  maxSessions: 10_000,
};

/** Keys that one command lists. */
const KEY_BATCH = 1_000;

/**
 * Keeps contexts in Redis, for all hosts that share it: one server, a Sentinel's master, or a Cluster. Needs ioredis.
 *
 * Where Redis is out of reach, calls reject with 500 `storage_unavailable` after `timeoutMs` and nothing goes to memory
 * instead: a budget that can't be counted is no budget. Throws 400 `invalid_options`.
 */
export function redis(options: RedisOptions): ContextBackend {
  return new RedisBackend(options);
}

class RedisBackend implements ContextBackend {
  readonly name = "redis";
  readonly limits: ContextLimits;
  readonly onChange: ContextBackend["onChange"];
  readonly onHealthChange: ContextBackend["onHealthChange"];
  readonly #tag: string;
  readonly #channel: string;
  readonly #timeoutMs: number;
  readonly #link: RedisLink;
  readonly #steps: StepQueue;
  readonly #leadership: Leadership;
  readonly #changes = createListeners<BackendChange>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  /** Tells our own messages from those of other hosts. */
  readonly #id = randomUUID();

  constructor(options: RedisOptions) {
    const { prefix = "mcp-optimizer", timeoutMs = 5_000, leaseMs = 15_000, client } = options;
    requirePlace(options);
    requireTime("timeoutMs", timeoutMs);
    requireTime("leaseMs", leaseMs);
    if (!/^[^{}]{1,100}$/.test(prefix)) throw invalid("`prefix` must be 1 to 100 characters without braces.");
    this.limits = resolveContextLimits(REDIS_LIMITS, options);
    this.#tag = `{${prefix}}`;
    this.#timeoutMs = timeoutMs;
    this.#channel = `${this.#tag}:changes`;
    this.#link = new RedisLink({
      open: async () => client ?? createClient(options, timeoutMs),
      isOwn: client === undefined,
      timeoutMs,
      check: (connected) => checkServer(connected, [this.#catalog, this.#recordKey("")], this.#channel),
      channel: this.#channel,
      onMessage: (message) => this.#hear(message),
    });
    this.onChange = this.#changes.add;
    this.onHealthChange = this.#link.onHealthChange;
    this.#steps = new StepQueue({
      read: (keys) => this.#readStored(keys),
      begin: (token) => this.#beginStep(token),
      tell: (records) => this.#changes.tell(toBackendChange(records)),
    });
    this.#leadership = new Leadership(
      {
        acquire: async (token) => (await this.#runOnLock(ACQUIRE, token, leaseMs)) === 1,
        renew: async (token) => (await this.#runOnLock(RENEW, token, leaseMs)) === 1,
        release: async (token) => void (await this.#runOnLock(RELEASE, token, leaseMs)),
      },
      leaseMs,
    );
  }

  get health(): ContextHealth {
    return this.#link.health;
  }

  read(keys: readonly string[]): Promise<readonly unknown[]> {
    return this.#own(async () => (await this.#readStored(keys)).map(decodeRecord));
  }

  change<Result>(
    keys: readonly string[],
    decide: (records: readonly unknown[]) => BackendStep<Result>,
  ): Promise<Result> {
    return this.#own(() => this.#steps.take(keys, decide, this.#leadership.currentToken));
  }

  async *keys(prefix: string): AsyncGenerator<string> {
    // No byte of UTF-8 is 0xff: that is after every key with the prefix.
    const end = prefix === "" ? "+" : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.of(0xff)]);
    let start = prefix === "" ? "-" : `[${prefix}`;
    for (;;) {
      const batch = await this.#own(() =>
        this.#link.call(
          (client) => client.callBuffer("ZRANGEBYLEX", [this.#catalog, start, end, "LIMIT", 0, KEY_BATCH]),
          this.#toRead(),
        ),
      );
      const found = requireList(batch).map(String);
      yield* found;
      const last = found.at(-1);
      if (found.length < KEY_BATCH || last === undefined) return;
      start = `(${last}`;
    }
  }

  async lead(work: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const open = AbortSignal.any([signal, this.#closing.signal]);
    await this.#own(() => this.#leadership.lead(work, open));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    this.#changes.clear();
    await this.#link[Symbol.asyncDispose]();
  }

  #beginStep(token: string | undefined): WriteStep {
    const deadline = this.#createDeadline();
    const id = randomBytes(STEP_ID_BYTES);
    const mark = `${this.#tag}:step:${id.toString("hex")}`;
    return async (keys, stored, records) => {
      const { written, deleted } = toBackendChange(records);
      const touched = [...keys, ...records.keys()].map((key) => this.#recordKey(key));
      const values = Array.from(records, ([key, record]) => [
        key,
        record === undefined ? "" : encodeRecord(record),
      ]);
      const reply = await this.#link.run(
        WRITE,
        [this.#catalog, mark, this.#lock, ...touched],
        [
          id,
          // Longer than anybody asks again.
          2 * this.#timeoutMs,
          token ?? "",
          this.#channel,
          JSON.stringify({ by: this.#id, written, deleted }),
          keys.length,
          ...stored.map(versionOf),
          ...values.flat(),
        ],
        { deadline, writes: true },
      );
      if (reply === NOT_LEADING) throw notLeading();
      return reply === WRITTEN ? undefined : requireList(reply);
    };
  }

  async #readStored(keys: readonly string[]): Promise<readonly unknown[]> {
    if (keys.length === 0) return [];
    const names = keys.map((key) => this.#recordKey(key));
    return requireList(await this.#link.run(READ, names, [], this.#toRead()));
  }

  #runOnLock(script: typeof ACQUIRE, token: string, leaseMs: number): Promise<unknown> {
    // Nobody needs to know whether it was: a lock ends by itself.
    return this.#link.run(script, [this.#lock], [token, leaseMs], this.#toRead());
  }

  #hear(message: string): void {
    const said = parseJson(message);
    if (!isJsonObject(said) || said["by"] === this.#id) return;
    const change = parseChange(said);
    if (change !== undefined) this.#changes.tell(change);
  }

  #recordKey(key: string): string {
    return `${this.#tag}:record:${key}`;
  }

  /** The names of all records, in order: listing them asks for nothing that is not ours. */
  get #catalog(): string {
    return `${this.#tag}:keys`;
  }

  get #lock(): string {
    return `${this.#tag}:leader`;
  }

  #toRead(): CallOptions {
    return { deadline: this.#createDeadline(), writes: false };
  }

  #createDeadline(): AbortSignal {
    return AbortSignal.timeout(this.#timeoutMs);
  }

  /** Closing waits for it. */
  async #own<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closing.signal.aborted) throw contextClosed();
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function requireList(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new OptimizerError("Redis answered something else than a list.", {
    code: 500,
    kind: "storage_failed",
  });
}

function requireTime(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 100)
    throw invalid(`\`${name}\` must be a whole number of at least 100.`);
}

function invalid(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_options" });
}

function notLeading(): OptimizerError {
  return new OptimizerError("Another host may lead by now: nothing was written.", {
    code: 500,
    kind: "not_leading",
    hint: "This one has lost the lock. The work begins anew when it is its turn again.",
  });
}
