import { OptimizerError } from "../base/errors.ts";

/** What a pool keeps: something that can die by itself and can be ended. */
export interface Poolable {
  readonly alive: boolean;
  kill(): void;
}

export interface WorkerPoolOptions<T> {
  readonly spawn: () => Promise<T>;
  /** Workers at one time, busy ones included. */
  readonly maxWorkers: number;
  /** Processor cores: no more workers than that compute at one time, while those that rest make room. */
  readonly cores: number;
  /** Idle workers that are kept for ever. */
  readonly minWorkers: number;
  /** How long the other idle ones are kept. Milliseconds. */
  readonly idleMs: number;
}

/** A worker whose run waits this long for a tool counts as resting. Milliseconds. */
const RESTING_MS = 25;

/** Lends workers, one to a run at a time; callers wait their turn in order. */
export class WorkerPool<T extends Poolable> {
  readonly #options: WorkerPoolOptions<T>;
  readonly #idle: T[] = [];
  readonly #lent = new Set<T>();
  readonly #queue: Waiter<T>[] = [];
  readonly #reapers = new Map<T, ReturnType<typeof setTimeout>>();
  readonly #resting = new Map<T, number>();
  #spawning = 0;
  #lookAgain: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: WorkerPoolOptions<T>) {
    this.#options = options;
  }

  /** Has `workers` of them ready. */
  async prepare(workers: number): Promise<void> {
    const missing = workers - this.#idle.length - this.#lent.size - this.#spawning;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => this.#grow()));
  }

  /** Rejects when `signal` aborts, when the pool closes, or with the reason why no worker could be started. */
  take(signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError());
      const waiter: Waiter<T> = { resolve, reject };
      const abort = (): void => {
        const index = this.#queue.indexOf(waiter);
        if (index >= 0) this.#queue.splice(index, 1);
        reject(
          new OptimizerError("The run was cancelled before it started.", { code: 408, kind: "cancelled" }),
        );
      };
      signal.addEventListener("abort", abort, { once: true });
      waiter.resolve = (worker) => {
        signal.removeEventListener("abort", abort);
        resolve(worker);
      };
      this.#queue.push(waiter);
      if (signal.aborted) abort();
      this.#match();
    });
  }

  /** Gives a worker back; a dead one is replaced when somebody needs it. */
  give(worker: T): void {
    this.#lent.delete(worker);
    this.#resting.delete(worker);
    if (worker.alive && !this.#closed) {
      this.#idle.push(worker);
      this.#reapers.set(
        worker,
        setTimeout(() => this.#reap(worker), this.#options.idleMs),
      );
    } else worker.kill();
    this.#match();
  }

  /** Says whether a lent worker only waits for something outside. */
  rest(worker: T, resting: boolean): void {
    if (!resting) this.#resting.delete(worker);
    else if (this.#lent.has(worker)) this.#resting.set(worker, performance.now());
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#lookAgain);
    for (const timer of this.#reapers.values()) clearTimeout(timer);
    this.#reapers.clear();
    for (const worker of [...this.#idle, ...this.#lent]) worker.kill();
    this.#idle.length = 0;
    for (const waiter of this.#queue.splice(0)) waiter.reject(closedError());
  }

  #match(): void {
    while (this.#queue.length > 0) {
      // The one used last has its code and memory warm.
      const worker = this.#idle.pop();
      if (worker === undefined) break;
      clearTimeout(this.#reapers.get(worker));
      this.#reapers.delete(worker);
      if (worker.alive) this.#lend(worker);
    }
    const workers = this.#lent.size + this.#spawning;
    if (this.#queue.length <= this.#spawning || workers >= this.#options.maxWorkers) return;
    if (this.#computing() + this.#spawning < this.#options.cores) this.#grow().catch(() => undefined);
    else this.#lookAgain ??= setTimeout(() => this.#look(), RESTING_MS);
  }

  #look(): void {
    this.#lookAgain = undefined;
    this.#match();
  }

  /** Workers that need a processor: more of them than there are cores would only slow each other down. */
  #computing(): number {
    const now = performance.now();
    let computing = this.#lent.size;
    for (const since of this.#resting.values()) if (now - since >= RESTING_MS) computing -= 1;
    return computing;
  }

  /** Rejects when nobody in the queue could be told why there is no worker. */
  async #grow(): Promise<void> {
    this.#spawning += 1;
    try {
      const worker = await this.#options.spawn();
      this.#spawning -= 1;
      this.give(worker);
    } catch (error) {
      this.#spawning -= 1;
      const waiter = this.#queue.shift();
      if (waiter === undefined) throw error;
      // Whoever waits longest hears why; the others get their own try.
      waiter.reject(error);
      this.#match();
    }
  }

  #lend(worker: T): void {
    this.#lent.add(worker);
    this.#queue.shift()?.resolve(worker);
  }

  #reap(worker: T): void {
    if (this.#idle.length + this.#lent.size <= this.#options.minWorkers) return;
    const index = this.#idle.indexOf(worker);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#reapers.delete(worker);
    worker.kill();
  }
}

interface Waiter<T> {
  resolve: (worker: T) => void;
  reject: (reason: unknown) => void;
}

/** What a sandbox that was closed answers. */
export function closedError(): OptimizerError {
  return new OptimizerError("The sandbox was closed.", { code: 500, kind: "closed" });
}
