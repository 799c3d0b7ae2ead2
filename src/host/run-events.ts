import type { RunEvent, RunResult } from "../engine/run-result.ts";
import type { BrokerEvent } from "../tools/broker.ts";
import type { ErrorBody } from "./http/http-error.ts";

/** What a client of the host hears of a run. The last one is `result`, or `error` when the host could not carry the run out. */
export type HostRunEvent =
  | Extract<RunEvent, { readonly type: "started" }>
  | Extract<BrokerEvent, { readonly type: "log" | "tool_call" | "tool_result" | "approval" }>
  /** A tool that is called tells how far it is. */
  | {
      readonly type: "progress";
      readonly call: number;
      readonly progress: number;
      readonly total?: number;
      readonly message?: string;
    }
  | { readonly type: "result"; readonly result: RunResult }
  | { readonly type: "error"; readonly error: ErrorBody };

/** The event as clients hear it; `undefined` for what they don't. */
export function toHostEvent(event: RunEvent): HostRunEvent | undefined {
  switch (event.type) {
    case "started":
    case "log":
    case "tool_call":
    case "tool_result":
    case "approval":
      return event;
    case "tool_progress":
      return { ...event, type: "progress" };
    case "finished":
      return { type: "result", result: event.result };
    case "host_call":
    case "preparing":
    case "running":
    case "memory":
    case "memory_pressure":
      return undefined;
    default:
      return event satisfies never;
  }
}

/** One event as it was kept: its number, from 1, and its JSON text. */
export interface KeptEvent {
  readonly seq: number;
  readonly type: HostRunEvent["type"];
  readonly json: string;
}

/** How much of a run is kept for who reads late. */
const MAX_EVENTS = 2_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** The last events of one run, for any number of readers at their own speed. Who is too slow misses the oldest. */
export class EventBuffer {
  #kept: KeptEvent[] = [];
  #characters = 0;
  #seq = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  get kept(): readonly KeptEvent[] {
    return this.#kept;
  }

  /** Size of what is kept. Characters. */
  get characters(): number {
    return this.#characters;
  }

  get ended(): boolean {
    return this.#ended;
  }

  add(event: HostRunEvent): void {
    if (this.#ended) return;
    this.#seq += 1;
    const json = JSON.stringify({ seq: this.#seq, ...event });
    this.#kept.push({ seq: this.#seq, type: event.type, json });
    this.#characters += json.length;
    // The end is kept, however large.
    while (this.#kept.length > 1 && (this.#kept.length > MAX_EVENTS || this.#characters > MAX_CHARACTERS))
      this.#characters -= this.#kept.shift()?.json.length ?? 0;
    this.#ended = event.type === "result" || event.type === "error";
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** The first event behind number `seq` that is kept. */
  after(seq: number): KeptEvent | undefined {
    const first = this.#kept[0];
    return first === undefined ? undefined : this.#kept[Math.max(0, seq + 1 - first.seq)];
  }

  /** Resolves with the next event. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }
}
