import { OptimizerError } from "../base/errors.ts";

/** What a pool keeps: something that can die by itself and can be ended. */
export interface Poolable {
  readonly alive: boolean;
  kill(): void;
}

export interface WorkerPoolOptions<T> {
  /** @param isSpare Nobody waits for it now. */
  readonly spawn: (isSpare: boolean) => Promise<T>;
  /** Workers at one time, busy ones included. */
  readonly maxWorkers: number;
  /** Processor cores: no more workers than that compute at one time, while those that rest make room. */
  readonly cores: number;
  /**
   * Who may get a worker that ran a program: later runs of the same session, or nobody. Never another
   * session: what a program may have left in its worker is no other session's to find.
   */
  readonly reuse: "session" | "never";
  /** Workers that no program ran in, kept ready while the page is seen. */
  readonly minSpares: number;
  /** The most of them, when runs come fast. */
  readonly maxSpares: number;
  /** How long a worker that a session used waits for its next run. Milliseconds. */
  readonly idleMs: number;
}

/** A worker whose run waits this long for a tool counts as resting. Milliseconds. */
const RESTING_MS = 25;

/** A spare is started this long after the last one was taken, or with the end of that run: the run goes first. Milliseconds. */
const SPARE_DELAY_MS = 250;

/** Further spares follow each other after this: a run that takes one at once has the processor for itself. Milliseconds. */
const NEXT_SPARE_MS = 100;

/** Runs of this long decide how many spares are kept. Milliseconds. */
const RATE_WINDOW_MS = 10_000;

/** A page that nobody sees keeps no idle worker longer than this. Milliseconds. */
const HIDDEN_MS = 30_000;

/** Lends workers, one to a run at a time; callers wait their turn in order. */
export class WorkerPool<T extends Poolable> {
  readonly #options: WorkerPoolOptions<T>;
  /** Idle workers by what they are for: a session, or `undefined` for one that no program ran in. Oldest first. */
  readonly #idle: { readonly worker: T; readonly session: string | undefined }[] = [];
  readonly #lent = new Map<T, string>();
  readonly #queue: Waiter<T>[] = [];
  readonly #reapers = new Map<T, ReturnType<typeof setTimeout>>();
  readonly #resting = new Map<T, number>();
  readonly #taken: number[] = [];
  readonly #preparing: (() => void)[] = [];
  #spawning = 0;
  #spawnMs = 0;
  #used = false;
  #hidden = false;
  #lookAgain: ReturnType<typeof setTimeout> | undefined;
  #refill: ReturnType<typeof setTimeout> | undefined;
  #afterRun: ReturnType<typeof setTimeout> | undefined;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: WorkerPoolOptions<T>) {
    this.#options = options;
  }

  /** Resolves when a run of any session would find a worker ready. Rejects with the reason why none could be started. */
  async prepare(): Promise<void> {
    this.#used = true;
    if (this.#spares() > 0) return;
    if (this.#spawning === 0) return this.#grow(true);
    await new Promise<void>((resolve) => this.#preparing.push(resolve));
  }

  /** Rejects when `signal` aborts, when the pool closes, or with the reason why no worker could be started. */
  take(signal: AbortSignal, session: string): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError());
      const waiter: Waiter<T> = { session, since: performance.now(), resolve, reject };
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

  /** Gives a worker back. One that died, or that nobody may use again, is replaced when somebody needs it. */
  give(worker: T): void {
    const session = this.#lent.get(worker);
    this.#lent.delete(worker);
    this.#resting.delete(worker);
    const ran = session !== undefined;
    if (!worker.alive || this.#closed || (ran && this.#options.reuse === "never")) worker.kill();
    else this.#rest({ worker, session });
    this.#match();
    // To start a process takes a host's thread for a while: the run's result goes first.
    if (ran) this.#afterRun ??= setTimeout(() => this.#refillNow());
  }

  /** Says whether a lent worker only waits for something outside. */
  rest(worker: T, resting: boolean): void {
    if (!resting) this.#resting.delete(worker);
    else if (this.#lent.has(worker)) this.#resting.set(worker, performance.now());
  }

  /** Says whether anybody sees the page. Workers that wait in a page that nobody sees end soon. */
  setHidden(hidden: boolean): void {
    if (hidden === this.#hidden || this.#closed) return;
    this.#hidden = hidden;
    clearTimeout(this.#hiding);
    if (!hidden) return this.#refillNow();
    this.#hiding = setTimeout(() => this.dropIdle(), HIDDEN_MS);
  }

  /** Ends the workers that nobody uses now. */
  dropIdle(): void {
    for (const { worker } of [...this.#idle]) this.#drop(worker);
  }

  close(): void {
    this.#closed = true;
    const timers = [this.#lookAgain, this.#refill, this.#afterRun, this.#hiding, ...this.#reapers.values()];
    for (const timer of timers) clearTimeout(timer);
    this.#reapers.clear();
    for (const worker of [...this.#idle.map((one) => one.worker), ...this.#lent.keys()]) worker.kill();
    this.#idle.length = 0;
    for (const waiter of this.#queue.splice(0)) waiter.reject(closedError());
    this.#prepared();
  }

  #rest(idle: { readonly worker: T; readonly session: string | undefined }): void {
    this.#idle.push(idle);
    const { idleMs } = this.#options;
    this.#reapers.set(
      idle.worker,
      setTimeout(() => this.#reap(idle.worker), this.#hidden ? Math.min(idleMs, HIDDEN_MS) : idleMs),
    );
  }

  #match(): void {
    for (let waiter = this.#queue[0]; waiter !== undefined; waiter = this.#queue[0]) {
      const worker = this.#find(waiter.session);
      if (worker === undefined) break;
      if (worker.alive) this.#lend(worker);
    }
    const { maxWorkers, cores } = this.#options;
    const workers = this.#lent.size + this.#spawning;
    if (this.#queue.length <= this.#spawning || workers >= maxWorkers) return;
    if (this.#computing() + this.#spawning >= cores) {
      this.#lookAgain ??= setTimeout(() => this.#look(), RESTING_MS);
      return;
    }
    // Idle workers of other sessions make room.
    const [oldest] = this.#idle;
    if (oldest !== undefined && workers + this.#idle.length >= maxWorkers) this.#drop(oldest.worker);
    this.#grow(false).catch(() => undefined);
  }

  /** Takes an idle worker that a session may have; the one used last has its code and memory warm. */
  #find(session: string): T | undefined {
    const own = this.#idle.findLast((idle) => idle.session === session);
    const found = own ?? this.#idle.findLast((idle) => idle.session === undefined);
    if (found !== undefined) this.#forget(found.worker);
    return found?.worker;
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

  /** Rejects when nobody in the queue was told why there is no worker. */
  async #grow(isSpare: boolean): Promise<void> {
    this.#spawning += 1;
    const started = performance.now();
    try {
      const worker = await this.#options.spawn(isSpare);
      this.#spawning -= 1;
      this.#spawnMs = performance.now() - started;
      this.give(worker);
      this.#prepared();
    } catch (error) {
      this.#spawning -= 1;
      this.#prepared();
      // Whoever waits longest hears why; the others, and those who came when it had begun, get a try of their own.
      const [waiter] = this.#queue;
      const hears = waiter !== undefined && waiter.since <= started;
      if (hears) this.#queue.shift()?.reject(error);
      this.#match();
      if (!hears) throw error;
    }
  }

  #prepared(): void {
    for (const resolve of this.#preparing.splice(0)) resolve();
  }

  #spares(): number {
    return this.#idle.filter(({ session }) => session === undefined).length;
  }

  #lend(worker: T): void {
    const waiter = this.#queue.shift();
    if (waiter === undefined) return;
    this.#used = true;
    this.#taken.push(performance.now());
    this.#lent.set(worker, waiter.session);
    waiter.resolve(worker);
    this.#refillLater(SPARE_DELAY_MS);
  }

  #refillLater(ms: number): void {
    clearTimeout(this.#refill);
    this.#refill = setTimeout(() => this.#refillNow(), ms);
  }

  /** Starts the spares that are missing, one at a time. */
  #refillNow(): void {
    for (const timer of [this.#refill, this.#afterRun]) clearTimeout(timer);
    this.#refill = undefined;
    this.#afterRun = undefined;
    if (this.#closed || this.#hidden || this.#queue.length > 0 || this.#spawning > 0) return;
    const workers = this.#lent.size + this.#idle.length;
    if (this.#spares() >= this.#wantedSpares() || workers >= this.#options.maxWorkers) return;
    if (this.#computing() >= this.#options.cores) return this.#refillLater(NEXT_SPARE_MS);
    // A spare that does not start is missed by nobody: who needs a worker tries again and hears why.
    this.#grow(true).then(
      () => {
        if (!this.#closed) this.#refillLater(NEXT_SPARE_MS);
      },
      () => undefined,
    );
  }

  /** As many as were taken lately in the time that one needs to start, and half as many again. */
  #wantedSpares(): number {
    const { minSpares, maxSpares, reuse } = this.#options;
    if (!this.#used) return 0;
    if (reuse === "session") return minSpares;
    const since = performance.now() - RATE_WINDOW_MS;
    while ((this.#taken[0] ?? since) < since) this.#taken.shift();
    const perSpawn = (this.#taken.length / RATE_WINDOW_MS) * this.#spawnMs;
    return Math.min(maxSpares, Math.max(minSpares, Math.ceil(perSpawn * 1.5)));
  }

  #reap(worker: T): void {
    const idle = this.#idle.find((one) => one.worker === worker);
    if (idle === undefined) return;
    if (idle.session === undefined && this.#spares() <= this.#options.minSpares && !this.#hidden) return;
    this.#drop(worker);
  }

  #drop(worker: T): void {
    this.#forget(worker);
    worker.kill();
  }

  #forget(worker: T): void {
    const index = this.#idle.findIndex((idle) => idle.worker === worker);
    if (index >= 0) this.#idle.splice(index, 1);
    clearTimeout(this.#reapers.get(worker));
    this.#reapers.delete(worker);
  }
}

interface Waiter<T> {
  readonly session: string;
  readonly since: number;
  resolve: (worker: T) => void;
  reject: (reason: unknown) => void;
}

/** What a sandbox that was closed answers. */
export function closedError(): OptimizerError {
  return new OptimizerError("The sandbox was closed.", { code: 500, kind: "closed" });
}
