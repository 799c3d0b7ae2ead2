import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { pause } from "../../base/waits.ts";

/** The lock that says who leads. Each resolves with whether it is this token's; rejects when nobody can tell. */
export interface LeaderLock {
  acquire(token: string): Promise<boolean>;
  renew(token: string): Promise<boolean>;
  release(token: string): Promise<void>;
}

/**
 * Who leads among the hosts that share a Redis: whoever holds a lock that ends after `leaseMs` unless it is renewed.
 *
 * A lock that ends may be another's while its holder still works: it was stopped, or is late. So each change that `work`
 * asks for carries the lock's token (`currentToken`), and Redis refuses it once the lock is not this token's: the token
 * fences. It is random, where a count would begin anew after a flush and let an old holder pass for a new one.
 */
export class Leadership {
  readonly #lock: LeaderLock;
  readonly #leaseMs: number;
  /** What `work` calls, however far down, is known by it. */
  readonly #token = new AsyncLocalStorage<string>();

  constructor(lock: LeaderLock, leaseMs: number) {
    this.#lock = lock;
    this.#leaseMs = leaseMs;
  }

  /** Of the work that is asking; `undefined` for everything else. */
  get currentToken(): string | undefined {
    return this.#token.getStore();
  }

  /** Resolves when `work` has while it led, or when `signal` aborts. */
  async lead(work: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const token = randomUUID();
      const since = performance.now();
      // Nobody leads while Redis is away.
      const isLeader = await this.#lock.acquire(token).catch(() => false);
      if (isLeader && (await this.#workAs(token, since, work, signal))) return;
      await pause(this.#leaseMs / 3, signal);
    }
  }

  /** Resolves with whether it led until the end. */
  async #workAs(
    token: string,
    since: number,
    work: (leading: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const lost = new AbortController();
    const ended = new AbortController();
    const renewing = this.#renew(token, since, lost, ended.signal);
    try {
      await this.#token.run(token, () => work(AbortSignal.any([signal, lost.signal])));
      return !lost.signal.aborted;
    } finally {
      ended.abort();
      await renewing;
      // Else it ends by itself.
      await this.#lock.release(token).catch(() => undefined);
    }
  }

  async #renew(token: string, since: number, lost: AbortController, ended: AbortSignal): Promise<void> {
    let renewedAt = since;
    for (;;) {
      await pause(this.#leaseMs / 3, ended);
      if (ended.aborted) return;
      const asked = performance.now();
      const isOurs = await this.#lock.renew(token).catch(() => undefined);
      if (isOurs === true) renewedAt = asked;
      else if (isOurs === false || performance.now() - renewedAt > this.#leaseMs) return lost.abort();
    }
  }
}
