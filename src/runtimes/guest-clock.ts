/** Counts the time that a guest takes for itself, and tells once when it is used up. */
export class GuestClock {
  readonly #onOver: () => void;
  #leftMs: number;
  #since: number | undefined;
  #alarm: ReturnType<typeof setTimeout> | undefined;

  /** `onOver` is called only while the thread is free: who holds it asks `isOver`. */
  constructor(timeoutMs: number, onOver: () => void) {
    this.#leftMs = timeoutMs;
    this.#onOver = onOver;
  }

  /** Whether the guest has had all its time at `now`. */
  isOver(now: number): boolean {
    return this.#since !== undefined && now - this.#since > this.#leftMs;
  }

  /** The guest's time runs from now on. */
  run(): void {
    if (this.#since !== undefined) return;
    this.#since = performance.now();
    this.#alarm = setTimeout(this.#onOver, this.#leftMs);
  }

  /** It stands still: the guest waits for the page. */
  pause(): void {
    clearTimeout(this.#alarm);
    if (this.#since !== undefined) this.#leftMs -= performance.now() - this.#since;
    this.#since = undefined;
  }
}
