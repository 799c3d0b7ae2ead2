// What a run asks and says, on its way to the page. The budgets here end most programs politely; the
// page holds the same ones from outside and does not rely on this side.

import { textBytes } from "../base/text.ts";
import {
  type GuestCall,
  type GuestOperation,
  LOG_ENTRY_BYTES,
  type LogEntry,
  type LogLevel,
  MAX_TARGET_CHARACTERS,
  type RuntimeLimits,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import type { RunLink } from "./run-server.ts";

/** Calls and logs wait this long for company before they are sent while the guest computes on. Milliseconds. */
const FLUSH_MS = 5;

/** Logs alone are sent, and memory is told, this often while the guest computes. Milliseconds. */
const LOGS_MS = 100;

/** Logs that grow past this are sent sooner. Bytes. */
const FLUSH_BYTES = 64 * 1024;

/** What an outbox is left with when its run is frozen. */
export interface OutboxState {
  /** Numbers of the calls that were sent and not answered. */
  readonly sent: readonly number[];
  readonly waiting: readonly GuestCall[];
  readonly callCount: number;
  readonly outputBytes: number;
}

/** Collects the calls and logs of one run and sends them when the page has room for them. */
export class Outbox {
  readonly #limits: RuntimeLimits;
  readonly #link: RunLink;
  readonly #stop: (outcome: RuntimeOutcome) => void;
  #waiting: GuestCall[] = [];
  #waitingBytes = 0;
  #logs: LogEntry[] = [];
  #outputBytes = 0;
  #logBytes = 0;
  #callCount = 0;
  /** Numbers of the calls that were sent and not answered. */
  readonly #sent = new Set<number>();
  #lastFlush = 0;
  #lastUsage = 0;

  /** `stop` hears of the first budget that is used up, and may be called again after that. */
  constructor(limits: RuntimeLimits, link: RunLink, stop: (outcome: RuntimeOutcome) => void) {
    this.#limits = limits;
    this.#link = link;
    this.#stop = stop;
  }

  /** Calls that nobody has answered yet. */
  get open(): number {
    return this.#sent.size + this.#waiting.length;
  }

  /** Calls that have not been sent yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a call and returns its number. */
  call(operation: GuestOperation, target: string, args: string): number {
    const { maxToolCalls, maxMessageBytes, memoryBytes } = this.#limits;
    const bytes = textBytes(args);
    this.#callCount += 1;
    const id = this.#callCount;
    if (id > maxToolCalls) {
      this.#exceeds("tool_calls", `The program made more than ${maxToolCalls} calls.`);
    } else if (bytes > maxMessageBytes || target.length > MAX_TARGET_CHARACTERS) {
      this.#exceeds("output", `A call's arguments exceed ${maxMessageBytes} bytes.`);
    } else if (this.#waitingBytes + bytes > memoryBytes) {
      // What waits here lies outside the engine's memory and counts as the guest's all the same.
      this.#stop(memoryExceeded(this.#limits));
    } else {
      this.#waitingBytes += bytes;
      this.#waiting.push({ id, operation, target, args });
    }
    return id;
  }

  log(level: LogLevel, text: string): void {
    const bytes = textBytes(text) + LOG_ENTRY_BYTES;
    this.#outputBytes += bytes;
    if (this.#outputBytes > this.#limits.maxOutputBytes) {
      return this.#exceeds("output", `The logs exceed ${this.#limits.maxOutputBytes} bytes.`);
    }
    this.#logBytes += bytes;
    this.#logs.push({ level, text });
  }

  /** Whether the value, or the error, of this size still fits; stops the run when it does not. */
  fits(json: string): boolean {
    const { maxOutputBytes } = this.#limits;
    if (this.#outputBytes + textBytes(json) <= maxOutputBytes) return true;
    this.#exceeds("output", `The value and the logs exceed ${maxOutputBytes} bytes.`);
    return false;
  }

  answered(id: number): void {
    this.#sent.delete(id);
  }

  /** What is left of a run at rest. `undefined` while there is something to say that the page has no room for. */
  freeze(): OutboxState | undefined {
    const room = this.#sent.size < this.#limits.maxToolCallsInFlight;
    if (this.#logs.length > 0 || (this.#waiting.length > 0 && room)) return undefined;
    return {
      sent: [...this.#sent],
      waiting: this.#waiting,
      callCount: this.#callCount,
      outputBytes: this.#outputBytes,
    };
  }

  /** Goes on where another outbox was frozen. */
  thaw({ sent, waiting, callCount, outputBytes }: OutboxState): void {
    for (const id of sent) this.#sent.add(id);
    this.#waiting = [...waiting];
    this.#waitingBytes = waiting.reduce((sum, { args }) => sum + textBytes(args), 0);
    this.#callCount = callCount;
    this.#outputBytes = outputBytes;
  }

  /** The guest begins to compute. */
  begin(now: number): void {
    this.#lastFlush = now;
    this.#lastUsage ||= now;
  }

  /** Sends what is due, called often while the guest computes. Of a guest that is `ending` logs do not wait. */
  tick(now: number, memoryBytes: number, ending = false): void {
    const passed = now - this.#lastFlush;
    const urgent = this.#waiting.length > 0 || this.#logBytes > (ending ? 0 : FLUSH_BYTES);
    if (passed > FLUSH_MS && (urgent || passed > LOGS_MS)) this.flush(now, false);
    if (now - this.#lastUsage > LOGS_MS && this.#link.open) {
      this.#lastUsage = now;
      this.#link.usage(memoryBytes);
    }
  }

  /** Sends what waits, as far as the page has room. A guest that only waits says so once. */
  flush(now: number, idle: boolean): void {
    this.#lastFlush = now;
    for (let said = !idle; this.#link.open; said = true) {
      const calls = this.#takeCalls();
      const logs = this.#logs;
      if (calls.length === 0 && logs.length === 0 && said) return;
      this.#logs = [];
      this.#logBytes = 0;
      this.#link.turn(idle, calls, logs);
    }
  }

  /** The run is over: the logs that were not sent go with its outcome. */
  takeLogs(): readonly LogEntry[] {
    return this.#logs;
  }

  /** The waiting calls that may go now, as many as one message holds. */
  #takeCalls(): readonly GuestCall[] {
    const { maxToolCallsInFlight, maxMessageBytes } = this.#limits;
    const calls: GuestCall[] = [];
    for (let bytes = 0; this.#sent.size < maxToolCallsInFlight; ) {
      const [call] = this.#waiting;
      if (call === undefined) break;
      const size = textBytes(call.args);
      if (calls.length > 0 && bytes + size > maxMessageBytes) break;
      bytes += size;
      this.#waitingBytes -= size;
      calls.push(call);
      this.#sent.add(call.id);
      this.#waiting.shift();
    }
    return calls;
  }

  #exceeds(reason: "output" | "tool_calls", message: string): void {
    this.#stop({ status: "stopped", reason, message });
  }
}

export function timeExceeded({ timeoutMs }: Pick<RuntimeLimits, "timeoutMs">): RuntimeOutcome {
  return { status: "stopped", reason: "timeout", message: `The program ran longer than ${timeoutMs} ms.` };
}

export function memoryExceeded({ memoryBytes }: Pick<RuntimeLimits, "memoryBytes">): RuntimeOutcome {
  const mebibytes = Math.round(memoryBytes / 1024 / 1024);
  return {
    status: "stopped",
    reason: "memory",
    message: `The program needs more than ${mebibytes} MiB of memory.`,
  };
}

/** What a program waits for that nothing will ever settle. */
export const NEVER_SETTLES: RuntimeOutcome = {
  status: "threw",
  error: {
    name: "Error",
    kind: "never_settles",
    message: "The program waits for a promise that nothing can settle any more.",
    hint: "Look for an await on a promise whose resolve function is never called.",
  },
};
