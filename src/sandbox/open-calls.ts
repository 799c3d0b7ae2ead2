import type { OpenCall } from "../protocol/frozen-run.ts";
import type { GuestCall } from "../protocol/guest-protocol.ts";

/** The calls of one run that its runtime has no answer to, as the page knows them. */
export class OpenCalls {
  readonly #open = new Map<number, GuestCall>();
  readonly #held = new Set<number>();
  /** Answered since the runtime was asked to freeze: its answer may be older. */
  readonly #answered = new Map<number, GuestCall>();

  get size(): number {
    return this.#open.size;
  }

  /** Whether only somebody's decisions can go on with the run. */
  get allHeld(): boolean {
    return this.#held.size > 0 && this.#held.size === this.#open.size;
  }

  get held(): readonly GuestCall[] {
    return [...this.#open.values()].filter(({ id }) => this.#held.has(id));
  }

  add(call: GuestCall): void {
    this.#open.set(call.id, call);
  }

  hold(id: number): void {
    this.#held.add(id);
  }

  answer(id: number): void {
    const call = this.#open.get(id);
    if (call !== undefined) this.#answered.set(id, call);
    this.#open.delete(id);
    this.#held.delete(id);
  }

  /** The runtime is asked to freeze: what is answered from now on may be open in what it sends. */
  mark(): void {
    this.#answered.clear();
  }

  /** What was open when the runtime froze its guest. `undefined` for numbers that it can't mean. */
  asOf(numbers: readonly number[]): readonly OpenCall[] | undefined {
    const named = new Set(numbers);
    const calls = numbers.flatMap((id) => this.#open.get(id) ?? this.#answered.get(id) ?? []);
    const all = [...this.#open.keys()].every((id) => named.has(id));
    if (!all || named.size !== calls.length || numbers.length !== calls.length) return undefined;
    return calls
      .toSorted((a, b) => a.id - b.id)
      .map(({ id, operation, target, args }) => ({ id, operation, target, args, held: this.#held.has(id) }));
  }
}
