import { OptimizerError } from "../../base/errors.ts";
import { pause, settleBefore } from "../../base/waits.ts";
import type { ContextHealth } from "../../context/context-backend.ts";
import { createListeners } from "../../context/listeners.ts";
import { Backoff } from "../../mcp/backoff.ts";
import type { RedisClient } from "./redis-client.ts";
import { faultOf, isAccessFault, type RedisFault, storageError } from "./redis-faults.ts";
import { evaluate, type RedisScript } from "./redis-scripts.ts";

export interface RedisLinkOptions {
  readonly open: () => Promise<RedisClient>;
  /** Whether the client is ours to close. */
  readonly isOwn: boolean;
  /** What one call may take, with all its attempts. Milliseconds. */
  readonly timeoutMs: number;
  /** Looks at the server behind a new connection. Throws when it may not be used. */
  readonly check: (client: RedisClient) => Promise<ContextHealth>;
  readonly channel: string;
  readonly onMessage: (message: string) => void;
}

export interface CallOptions {
  /** When the call ends at the latest. */
  readonly deadline: AbortSignal;
  /** Whether it changes something. */
  readonly writes: boolean;
}

/** How long a server is waited for that has been away for long: callers that try again at once get nobody stuck. */
const MOMENT_MS = 20;

const OPENING: ContextHealth = { state: "volatile", reason: "opening", hint: "Redis is being reached." };

/**
 * A client of Redis whose calls end in time, and are made again while that may help.
 *
 * What is called must bear to be made twice: a reply may have been lost. A server that has been away for longer than
 * `timeoutMs` is not waited for, until it is back: each call is tried at most once then.
 */
export class RedisLink implements AsyncDisposable {
  readonly onHealthChange: (listener: (health: ContextHealth) => void) => () => void;
  readonly #options: RedisLinkOptions;
  readonly #healths = createListeners<ContextHealth>();
  readonly #listeners: ReadonlyMap<string, (value: unknown) => void>;
  #health = OPENING;
  #opening: Promise<RedisClient> | undefined;
  #checking: Promise<void> | undefined;
  /** What the last check said. */
  #checked = OPENING;
  /** Resolves when the client is ready, rejects when the server refuses us. */
  #ready = Promise.withResolvers<void>();
  #subscriber: RedisClient | undefined;
  /** Why the connection failed the last time. */
  #fault: RedisFault | undefined;
  /** Of `performance.now()`; `undefined` while the server answers. */
  #awaySince: number | undefined = performance.now();

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.onHealthChange = this.#healths.add;
    const onError = (error: unknown): void => this.#onError(faultOf(error));
    this.#listeners = new Map([
      ["ready", () => this.#ready.resolve()],
      ["close", () => this.#onClose()],
      ["error", onError],
      ["node error", onError],
    ]);
  }

  get health(): ContextHealth {
    return this.#health;
  }

  /** Rejects with 429 `storage_full`, 500 `storage_unavailable`, and where it `writes` with `storage_outcome_unknown`. */
  async call<Result>(
    work: (client: RedisClient) => Promise<Result>,
    { deadline, writes }: CallOptions,
  ): Promise<Result> {
    const backoff = new Backoff({ initialMs: 10, maxMs: 500, maxAttempts: 1_000 }, Math.random);
    let mayHaveRun = false;
    for (;;) {
      let isSent = false;
      try {
        const client = await this.#usableClient(deadline);
        isSent = true;
        const result = await settleBefore(work(client), deadline);
        this.#awaySince = undefined;
        if (writes || this.#health.reason !== "storage_full") this.#setHealth(this.#checked);
        return result;
      } catch (error) {
        if (error instanceof OptimizerError) throw error;
        const fault = isSent ? faultOf(error) : (this.#fault ?? faultOf(error));
        mayHaveRun ||= writes && isSent && !fault.isRefusal;
        const isWorthwhile = fault.mayPass && !this.#isAwayForLong();
        if (isWorthwhile) await pause(backoff.next() ?? 0, deadline);
        if (!isWorthwhile || deadline.aborted) throw this.#failure(fault, mayHaveRun);
      }
    }
  }

  /** Runs a script; see {@link call}. */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | Buffer | number)[],
    options: CallOptions,
  ): Promise<unknown> {
    return this.call((client) => evaluate(client, script, keys, args), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#healths.clear();
    const client = await this.#opening?.catch(() => undefined);
    if (client === undefined) return;
    for (const [event, listener] of this.#listeners) client.off(event, listener);
    this.#subscriber?.off("message", this.#onMessage);
    const ours = [
      ...(this.#subscriber === client ? [] : [this.#subscriber]),
      ...(this.#options.isOwn ? [client] : []),
    ];
    for (const one of ours) {
      // What it says of its own end is nobody's.
      one?.on("error", () => undefined);
      one?.disconnect();
    }
  }

  async #usableClient(deadline: AbortSignal): Promise<RedisClient> {
    deadline.throwIfAborted();
    this.#opening ??= this.#open();
    const client = await settleBefore(this.#opening, deadline);
    if (client.status !== "ready") {
      await settleBefore(
        this.#ready.promise,
        this.#isAwayForLong() ? AbortSignal.timeout(MOMENT_MS) : deadline,
      );
    }
    this.#checking ??= this.#check(client);
    await settleBefore(this.#checking, deadline);
    return client;
  }

  async #open(): Promise<RedisClient> {
    try {
      const client = await this.#options.open();
      for (const [event, listener] of this.#listeners) client.on(event, listener);
      // A Cluster has a connection of its own for it; a single client may do nothing else once it has subscribed.
      this.#subscriber = client.isCluster ? client : client.duplicate();
      if (this.#subscriber !== client) this.#subscriber.on("error", () => undefined);
      this.#subscriber.on("message", this.#onMessage);
      for (const one of new Set([client, this.#subscriber]))
        if (one.status === "wait") one.connect().catch(() => undefined);
      if (client.status === "ready") this.#ready.resolve();
      return client;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  async #check(client: RedisClient): Promise<void> {
    try {
      this.#checked = await this.#options.check(client);
      await this.#subscriber?.subscribe(this.#options.channel);
      this.#fault = undefined;
    } catch (error) {
      this.#checking = undefined;
      if (error instanceof OptimizerError)
        this.#setHealth({ state: "degraded", reason: error.kind, hint: error.hint ?? "" });
      throw error;
    }
  }

  readonly #onMessage = (channel: unknown, message: unknown): void => {
    if (channel === this.#options.channel && typeof message === "string") this.#options.onMessage(message);
  };

  #onClose(): void {
    this.#checking = undefined;
    this.#ready.resolve();
    this.#ready = Promise.withResolvers();
    this.#fail(this.#fault ?? { name: "connection_lost", isRefusal: false, mayPass: true, cause: undefined });
  }

  #onError(fault: RedisFault): void {
    this.#fault = fault;
    if (!isAccessFault(fault)) return;
    const refused = this.#ready;
    this.#ready = Promise.withResolvers();
    refused.promise.catch(() => undefined);
    refused.reject(fault.cause);
  }

  #failure(fault: RedisFault, mayHaveRun: boolean): OptimizerError {
    const error = storageError(fault, mayHaveRun);
    if (error.kind === "storage_full")
      this.#setHealth({ state: "degraded", reason: error.kind, hint: error.hint ?? "" });
    else this.#fail(fault);
    return error;
  }

  #fail(fault: RedisFault): void {
    this.#awaySince ??= performance.now();
    const { hint = "" } = storageError(fault, false);
    this.#setHealth({ state: "degraded", reason: "storage_unavailable", hint });
  }

  #isAwayForLong(): boolean {
    return this.#awaySince !== undefined && performance.now() - this.#awaySince > this.#options.timeoutMs;
  }

  #setHealth(health: ContextHealth): void {
    if (health.state === this.#health.state && health.reason === this.#health.reason) return;
    this.#health = health;
    this.#healths.tell(health);
  }
}
