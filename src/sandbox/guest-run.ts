// What crosses here: everything that a guest sends while it runs. The guest may lie about all of it,
// so this side keeps the clock, counts the calls and the bytes, and ends the worker at the first doubt.

import { assertNever, messageOf } from "../base/errors.ts";
import { textBytes } from "../base/text.ts";
import {
  type GuestCall,
  type GuestPort,
  LOG_ENTRY_BYTES,
  type LogEntry,
  type NumberedReply,
  type Program,
  parseRuntimeMessage,
  type RuntimeCommand,
  type RuntimeMessage,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import type { Limits } from "./limits.ts";
import type { RunOutcome, StopReason } from "./sandbox.ts";

/** The way to one runtime: its worker, process or socket. */
export interface GuestChannel {
  /**
   * How long the runtime may take to end a run by itself before this side ends it, where messages
   * travel slowly. Milliseconds, default 120.
   */
  readonly graceMs?: number;
  send(command: RuntimeCommand): void;
  /** Receives what the runtime sends, and the reason when it dies. At most one listener. */
  listen(onMessage: (data: unknown) => void, onDeath: (reason: string, flooded: boolean) => void): void;
  unlisten(): void;
  /** Ends the runtime for good. Safe to call twice. */
  kill(): void;
}

/** {@link GuestChannel.graceMs} where messages are quick. */
const GRACE_MS = 120;

/** Share of its memory past which a guest is said to be under pressure. */
const PRESSURE = 0.8;

/**
 * Drives one program on a runtime to exactly one outcome. Never rejects.
 *
 * When the outcome did not come from the runtime itself, the channel has been killed.
 * `ceilingBytes` is the most memory that the runtime may say it holds, its engine included.
 */
export function runGuest(
  channel: GuestChannel,
  run: string,
  program: Program,
  port: GuestPort,
  limits: Limits,
  signal: AbortSignal,
  ceilingBytes: number = Number.POSITIVE_INFINITY,
): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const guestRun = new GuestRun(channel, run, port, limits, ceilingBytes, (outcome) => {
      signal.removeEventListener("abort", cancel);
      resolve(outcome);
    });
    const cancel = (): void => guestRun.stop("cancelled", "The run was cancelled.");
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel);
    guestRun.start(program);
  });
}

class GuestRun {
  readonly #channel: GuestChannel;
  readonly #run: string;
  readonly #port: GuestPort;
  readonly #limits: Limits;
  readonly #ceilingBytes: number;
  readonly #settle: (outcome: RunOutcome) => void;
  readonly #ended = new AbortController();
  readonly #clock: RunClock;
  #settled = false;
  #pending = 0;
  #calls = 0;
  #lastId = -1;
  #logBytes = 0;
  #replies: NumberedReply[] = [];
  #peakMemoryBytes = 0;
  #pressed = false;

  constructor(
    channel: GuestChannel,
    run: string,
    port: GuestPort,
    limits: Limits,
    ceilingBytes: number,
    settle: (outcome: RunOutcome) => void,
  ) {
    this.#channel = channel;
    this.#run = run;
    this.#port = port;
    this.#limits = limits;
    this.#ceilingBytes = ceilingBytes;
    this.#settle = settle;
    this.#clock = new RunClock(limits, channel.graceMs ?? GRACE_MS, {
      interrupt: () => channel.send({ type: "interrupt", run }),
      expire: (message) => this.stop("timeout", message),
    });
  }

  start(program: Program): void {
    this.#channel.listen(
      (data) => this.#receive(data),
      (reason, flooded) => this.stop(flooded ? "security" : "crashed", reason),
    );
    const { toolWaitMs: _, ...limits } = this.#limits;
    this.#channel.send({ type: "run", run: this.#run, program, namespaces: this.#port.namespaces, limits });
    this.#clock.resume("guest");
  }

  /** Ends the run from this side: the runtime goes with it. */
  stop(reason: StopReason, message: string): void {
    if (this.#settled) return;
    this.#channel.kill();
    this.#finish({ status: "stopped", reason, message, peakMemoryBytes: this.#peakMemoryBytes });
  }

  #finish(outcome: RunOutcome): void {
    this.#settled = true;
    this.#clock.stop();
    this.#channel.unlisten();
    this.#ended.abort();
    this.#settle(outcome);
  }

  #receive(data: unknown): void {
    let message: RuntimeMessage;
    try {
      message = parseRuntimeMessage(data);
    } catch (error) {
      return this.stop("security", messageOf(error));
    }
    switch (message.type) {
      case "turn":
        if (message.run !== this.#run) return this.stop("security", "The runtime answered for another run.");
        if (!this.#log(message.logs)) return;
        for (const call of message.calls) if (!this.#accept(call)) return;
        this.#clock.resume(message.idle && this.#pending > 0 ? "tools" : "guest");
        return;
      case "done": {
        if (message.run !== this.#run) return this.stop("security", "The runtime answered for another run.");
        if (!this.#log(message.logs)) return;
        const { outcome, peakMemoryBytes } = message;
        if (this.#logBytes + outputBytes(outcome) > this.#limits.maxOutputBytes) {
          return this.stop("output", `The value and the logs exceed ${this.#limits.maxOutputBytes} bytes.`);
        }
        return this.#finish({
          ...outcome,
          peakMemoryBytes: Math.max(peakMemoryBytes, this.#peakMemoryBytes),
        });
      }
      case "usage":
        if (message.run !== this.#run) return this.stop("security", "The runtime answered for another run.");
        return this.#weigh(message.memoryBytes);
      case "ready":
      case "unfit":
        return this.stop("security", "The runtime announced itself twice.");
      default:
        return assertNever(message);
    }
  }

  #weigh(memoryBytes: number): void {
    const limitBytes = this.#ceilingBytes;
    this.#peakMemoryBytes = Math.max(memoryBytes, this.#peakMemoryBytes);
    this.#port.notice({ type: "memory", memoryBytes, limitBytes });
    if (!this.#pressed && memoryBytes >= limitBytes * PRESSURE) {
      this.#pressed = true;
      this.#port.notice({ type: "memory_pressure", memoryBytes, limitBytes });
    }
    if (memoryBytes > limitBytes) {
      this.stop("memory", `The program holds more than its ${this.#limits.memoryBytes} bytes of memory.`);
    }
  }

  #log(entries: readonly LogEntry[]): boolean {
    if (entries.length === 0) return true;
    for (const entry of entries) this.#logBytes += textBytes(entry.text) + LOG_ENTRY_BYTES;
    if (this.#logBytes > this.#limits.maxOutputBytes) {
      this.stop("output", `The logs exceed ${this.#limits.maxOutputBytes} bytes.`);
      return false;
    }
    this.#port.log(entries);
    return true;
  }

  #accept(call: GuestCall): boolean {
    this.#calls += 1;
    if (call.id <= this.#lastId) this.stop("security", "The runtime used a call number twice.");
    else if (this.#calls > this.#limits.maxToolCalls) {
      this.stop("tool_calls", `The program made more than ${this.#limits.maxToolCalls} calls.`);
    } else if (this.#pending >= this.#limits.maxToolCallsInFlight) {
      this.stop("security", "The runtime ignored the limit of calls in flight.");
    } else if (textBytes(call.args) > this.#limits.maxMessageBytes) {
      this.stop("security", "The runtime ignored the limit of a message's size.");
    } else {
      this.#lastId = call.id;
      this.#pending += 1;
      void this.#answer(call);
    }
    return !this.#settled;
  }

  async #answer(call: GuestCall): Promise<void> {
    const reply = await this.#port.call(call, this.#ended.signal);
    if (this.#settled) return;
    this.#pending -= 1;
    if (this.#replies.push({ ...reply, id: call.id }) === 1) queueMicrotask(() => this.#flush());
  }

  /** Sends the replies that came together as one message. */
  #flush(): void {
    if (this.#settled) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#channel.send({ type: "replies", run: this.#run, replies });
    this.#clock.resume("guest");
  }
}

/** What an outcome adds to the output. Bytes. */
function outputBytes(outcome: RuntimeOutcome): number {
  switch (outcome.status) {
    case "returned":
      return textBytes(outcome.json);
    case "threw": {
      const { name, message, stack = "", hint = "" } = outcome.error;
      return textBytes(name) + textBytes(message) + textBytes(stack) + textBytes(hint);
    }
    case "stopped":
      return 0;
    default:
      return assertNever(outcome);
  }
}

interface RunClockEnds {
  /** The guest's time is over: it may still end by itself, for a moment. */
  interrupt(): void;
  expire(message: string): void;
}

/** Keeps the time that the guest takes apart from the time that it waits for tools. */
class RunClock {
  readonly #left: { guest: number; tools: number };
  readonly #ends: RunClockEnds;
  readonly #limits: Limits;
  readonly #graceMs: number;
  #interrupted = false;
  #phase: "guest" | "tools" = "guest";
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. It may fire early, and looks again then: phases change with every call. */
  #firesAt = 0;

  constructor(limits: Limits, graceMs: number, ends: RunClockEnds) {
    this.#limits = limits;
    this.#left = { guest: limits.timeoutMs, tools: limits.toolWaitMs };
    this.#ends = ends;
    this.#graceMs = graceMs;
  }

  resume(phase: "guest" | "tools"): void {
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
    this.#ends.expire(this.#message());
  }

  #message(): string {
    return this.#phase === "guest"
      ? `The program ran longer than ${this.#limits.timeoutMs} ms.`
      : `The program waited longer than ${this.#limits.toolWaitMs} ms for tools.`;
  }
}
