import type { Limits } from "./limits.ts";

/** Whose time passes: the guest's, that of the tools it waits for, or that of a runtime that freezes it. */
export type Phase = "guest" | "tools" | "freezing";

export interface RunClockEnds {
  /** The guest's time is over: it may still end by itself, for a moment. */
  interrupt(): void;
  expire(reason: "timeout" | "crashed", message: string): void;
}

/** What a runtime may take to freeze its guest, in all. Milliseconds. */
const FREEZE_MS = 10_000;

/** Keeps the time that the guest takes apart from the time that it waits for tools. */
export class RunClock {
  readonly #left: Record<Phase, number>;
  readonly #ends: RunClockEnds;
  readonly #limits: Limits;
  readonly #graceMs: number;
  #interrupted = false;
  #phase: Phase = "guest";
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. It may fire early, and looks again then: phases change with every call. */
  #firesAt = 0;

  /** `used` is what a run had of its time before it was frozen. */
  constructor(
    limits: Limits,
    used: Pick<Limits, "timeoutMs" | "toolWaitMs">,
    graceMs: number,
    ends: RunClockEnds,
  ) {
    this.#limits = limits;
    this.#left = {
      guest: limits.timeoutMs - used.timeoutMs,
      tools: limits.toolWaitMs - used.toolWaitMs,
      freezing: FREEZE_MS,
    };
    this.#ends = ends;
    this.#graceMs = graceMs;
  }

  /** What the run has had of its time. */
  get used(): Pick<Limits, "timeoutMs" | "toolWaitMs"> {
    const passed = this.#timer === undefined ? 0 : performance.now() - this.#since;
    const usedIn = (phase: Phase, limit: number): number =>
      Math.max(0, limit - this.#left[phase] + (phase === this.#phase ? passed : 0));
    return {
      timeoutMs: usedIn("guest", this.#limits.timeoutMs),
      toolWaitMs: usedIn("tools", this.#limits.toolWaitMs),
    };
  }

  resume(phase: Phase): void {
    if (this.#timer !== undefined && phase === this.#phase) return;
    const now = performance.now();
    if (this.#timer !== undefined) this.#left[this.#phase] -= now - this.#since;
    this.#phase = phase;
    this.#since = now;
    if (this.#timer === undefined || now + this.#left[phase] < this.#firesAt) this.#arm(now);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#left[this.#phase]);
    this.#firesAt = now + wait;
    this.#timer = setTimeout(() => this.#look(), wait);
  }

  #look(): void {
    const now = performance.now();
    this.#left[this.#phase] -= now - this.#since;
    this.#since = now;
    // Timers may fire a fraction of a millisecond early.
    if (this.#left[this.#phase] > 1) return this.#arm(now);
    if (this.#phase === "guest" && !this.#interrupted) {
      this.#interrupted = true;
      this.#left.guest += this.#graceMs;
      this.#ends.interrupt();
      return this.#arm(now);
    }
    this.stop();
    if (this.#phase === "freezing") this.#ends.expire("crashed", "The runtime did not freeze the program.");
    else this.#ends.expire("timeout", this.#message());
  }

  #message(): string {
    return this.#phase === "guest"
      ? `The program ran longer than ${this.#limits.timeoutMs} ms.`
      : `The program waited longer than ${this.#limits.toolWaitMs} ms for tools.`;
  }
}
