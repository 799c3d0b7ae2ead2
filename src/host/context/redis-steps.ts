import type { BackendStep, ContextRecord } from "../../context/context-backend.ts";
import { decodeRecord } from "./redis-records.ts";

/** Reads and writes the records of several steps at one time. */
export interface StepStore {
  /** What Redis holds under these keys now. */
  read(keys: readonly string[]): Promise<readonly unknown[]>;
  /** Begins to write: each attempt is about the same step for Redis, which takes it once. */
  begin(token: string | undefined): WriteStep;
  /** Hears what each step has changed, before its caller does. */
  tell(records: ReadonlyMap<string, ContextRecord | undefined>): void;
}

/** Resolves with `undefined` when all of it is kept, and else with what the keys hold by now: then nothing is. */
export type WriteStep = (
  keys: readonly string[],
  stored: readonly unknown[],
  records: ReadonlyMap<string, ContextRecord | undefined>,
) => Promise<readonly unknown[] | undefined>;

interface WaitingStep {
  readonly keys: readonly string[];
  /** Of the lock that it is taken under. */
  readonly token: string | undefined;
  readonly decide: (records: readonly unknown[]) => Decision;
  readonly reject: (error: unknown) => void;
}

interface Decision {
  readonly records: ReadonlyMap<string, ContextRecord | undefined>;
  /** Tells the caller, once all of it is kept. */
  readonly settle: () => void;
}

/** Steps that are taken together at most, and after how many bytes the others wait. */
const MAX_STEPS = 64;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The steps of one host, in the order in which they were asked for. Those that wait are taken together: each decides on
 * what those before it leave, and Redis takes all or none. Every step of a store counts all sessions; one by one they
 * would cost a journey to Redis each, and so would each meeting with another host's.
 */
export class StepQueue {
  readonly #store: StepStore;
  readonly #waiting: WaitingStep[] = [];
  #isTaking = false;

  constructor(store: StepStore) {
    this.#store = store;
  }

  take<Result>(
    keys: readonly string[],
    decide: (records: readonly unknown[]) => BackendStep<Result>,
    token: string | undefined,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const decideSafely = (found: readonly unknown[]): Decision => {
        try {
          const { records = new Map(), result } = decide(found);
          return { records, settle: () => resolve(result) };
        } catch (error) {
          return { records: new Map(), settle: () => reject(error) };
        }
      };
      this.#waiting.push({ keys, token, decide: decideSafely, reject });
      if (!this.#isTaking) void this.#takeAll();
    });
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { token } = first;
      const other = this.#waiting.findIndex((step) => step.token !== token);
      const steps = this.#waiting.slice(0, Math.min(MAX_STEPS, other < 0 ? MAX_STEPS : other));
      try {
        this.#waiting.splice(0, await this.#takeTogether(steps, token));
      } catch (error) {
        for (const step of this.#waiting.splice(0, steps.length)) step.reject(error);
      }
    }
    this.#isTaking = false;
  }

  /** Resolves with how many of them were taken. */
  async #takeTogether(steps: readonly WaitingStep[], token: string | undefined): Promise<number> {
    const keys = [...new Set(steps.flatMap((step) => step.keys))];
    const write = this.#store.begin(token);
    let stored = await this.#store.read(keys);
    for (;;) {
      const decisions = decideInTurn(steps, keys, stored);
      const records = new Map(decisions.flatMap((decision) => [...decision.records]));
      const now = records.size === 0 ? undefined : await write(keys, stored, records);
      if (now !== undefined) {
        stored = now;
        continue;
      }
      for (const decision of decisions) {
        if (decision.records.size > 0) this.#store.tell(decision.records);
        decision.settle();
      }
      return decisions.length;
    }
  }
}

/** What each decides on the records as those before it leave them, up to a size. */
function decideInTurn(
  steps: readonly WaitingStep[],
  keys: readonly string[],
  stored: readonly unknown[],
): readonly Decision[] {
  const found = new Map<string, unknown>(keys.map((key, at) => [key, decodeRecord(stored[at])]));
  const decisions: Decision[] = [];
  let bytes = 0;
  for (const step of steps) {
    const decision = step.decide(step.keys.map((key) => found.get(key)));
    decisions.push(decision);
    for (const [key, record] of decision.records) {
      found.set(key, record);
      bytes += record?.length ?? 0;
    }
    if (bytes > MAX_BYTES) break;
  }
  return decisions;
}
