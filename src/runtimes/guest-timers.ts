import type { RuntimeOutcome } from "../protocol/guest-protocol.ts";

/** Timers that may wait at one time. */
const MAX_TIMERS = 1_000;

export const TOO_MANY_TIMERS: RuntimeOutcome = {
  status: "stopped",
  reason: "tool_calls",
  message: `The program has more than ${MAX_TIMERS} timers waiting.`,
};

/** The timers of one guest, by its own numbers. */
export class GuestTimers {
  readonly #waiting = new Map<number, ReturnType<typeof setTimeout>>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Starts a timer. `false` when too many wait already. */
  start(timer: number, ms: number, fire: () => void): boolean {
    this.cancel(timer);
    if (this.#waiting.size >= MAX_TIMERS) return false;
    const handle = setTimeout(
      () => {
        this.#waiting.delete(timer);
        fire();
      },
      Math.min(ms, 2 ** 31 - 1),
    );
    this.#waiting.set(timer, handle);
    return true;
  }

  cancel(timer: number): void {
    clearTimeout(this.#waiting.get(timer));
    this.#waiting.delete(timer);
  }

  clear(): void {
    for (const handle of this.#waiting.values()) clearTimeout(handle);
    this.#waiting.clear();
  }
}
