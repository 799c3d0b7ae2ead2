/** How quickly, and how often in a row, something that failed is tried again. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Attempts in a row after which only a caller's need starts the next one. */
  readonly maxAttempts: number;
}

/** The delays between attempts: they double up to a cap, each shortened at random by up to a half so that many pages do not come back at the same instant. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempts = 0;

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** The next delay in milliseconds, or `undefined` when the attempts are used up. */
  next(): number | undefined {
    if (this.#attempts >= this.#options.maxAttempts) return undefined;
    const full = Math.min(this.#options.initialMs * 2 ** this.#attempts, this.#options.maxMs);
    this.#attempts += 1;
    return full * (1 - this.#random() / 2);
  }

  /** Starts again from the shortest delay, after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
