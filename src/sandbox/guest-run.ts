// What crosses here: everything that a guest sends while it runs. The guest may lie about all of it,
// so this side keeps the clock, counts the calls and the bytes, and ends the worker at the first doubt.

import { assertNever, messageOf } from "../base/errors.ts";
import { reportUncaught } from "../base/report-uncaught.ts";
import { textBytes } from "../base/text.ts";
import type { FrozenMessage, UnfrozenMessage } from "../protocol/freeze-messages.ts";
import type { SpentLimits } from "../protocol/frozen-run.ts";
import {
  type GuestCall,
  type GuestPort,
  type GuestReply,
  HELD,
  LOG_ENTRY_BYTES,
  type LogEntry,
  type NumberedReply,
  type Program,
  type RuntimeCommand,
  type RuntimeMessage,
} from "../protocol/guest-protocol.ts";
import type { GlobalsCommand } from "../protocol/kept-globals.ts";
import { parseRuntimeMessage } from "../protocol/parse-runtime-message.ts";
import type { Freezer } from "./freezer.ts";
import { NEEDS_APPROVAL, refusal, TOO_LARGE } from "./held-calls.ts";
import type { Limits } from "./limits.ts";
import { OpenCalls } from "./open-calls.ts";
import { outputBytes } from "./output-bytes.ts";
import type { Resumption } from "./resumption.ts";
import { RunClock } from "./run-clock.ts";
import type { RunOutcome, StopReason } from "./sandbox.ts";
import { decodeSnapshot } from "./snapshot-bytes.ts";

/** The way to one runtime: its worker, process or socket. */
export interface GuestChannel {
  /**
   * How long the runtime may take to end a run by itself before this side ends it, where messages
   * travel slowly. Milliseconds, default 120.
   */
  readonly graceMs?: number;
  send(command: RuntimeCommand): void;
  /** Receives what the runtime sends, and hears when it dies. At most one listener. */
  listen(onMessage: (data: unknown) => void, onDeath: DeathListener): void;
  unlisten(): void;
  /** Ends the runtime for good. Safe to call twice. */
  kill(): void;
}

/** Why a runtime died: by itself, because it broke the rules, or because it had no memory left. */
export type DeathReason = Extract<StopReason, "crashed" | "security" | "memory">;

export type DeathListener = (message: string, reason: DeathReason) => void;

/** What a run may have beside its program. */
export interface GuestRunOptions {
  /** The most memory that the runtime may say it holds, its engine included. Bytes, default without limit. */
  readonly ceilingBytes?: number;
  /** Where the runtime freezes guests. Without it a call that the port holds fails. */
  readonly freezer?: Freezer;
  /** How a frozen program goes on, instead of beginning. */
  readonly resumption?: Resumption;
  /** The globals are kept: whoever runs the program asks for them afterwards. */
  readonly globals?: GlobalsCommand;
  /** See {@link SandboxRunOptions.onIdle}. */
  readonly onIdle?: () => void;
}

/** {@link GuestChannel.graceMs} where messages are quick. */
const GRACE_MS = 120;

/** Share of its memory past which a guest is said to be under pressure. */
const PRESSURE = 0.8;

/** A program that has waited for tools this long is frozen once, so that it can go on if its place dies. Milliseconds. */
const CHECKPOINT_MS = 50;

/**
 * Drives one program on a runtime to exactly one outcome. Never rejects.
 *
 * When the outcome did not come from the runtime itself, the channel has been killed.
 */
export function runGuest(
  channel: GuestChannel,
  run: string,
  program: Program,
  port: GuestPort,
  limits: Limits,
  signal: AbortSignal,
  options: GuestRunOptions = {},
): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const guestRun = new GuestRun(channel, run, port, limits, options, (outcome) => {
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
  readonly #options: GuestRunOptions;
  readonly #settle: (outcome: RunOutcome) => void;
  readonly #ended = new AbortController();
  readonly #clock: RunClock;
  readonly #open = new OpenCalls();
  #settled = false;
  /** The runtime said that its guest waits, and was sent nothing since. */
  #idle = false;
  /** What was asked of the runtime and not answered yet. */
  #asked: "checkpoint" | "end" | undefined;
  /** How many calls were open then. */
  #askedCalls = 0;
  #checkpoint: ReturnType<typeof setTimeout> | undefined;
  #calls: number;
  #lastId: number;
  #outputBytes: number;
  #replies: NumberedReply[] = [];
  #peakMemoryBytes = 0;
  #pressed = false;

  constructor(
    channel: GuestChannel,
    run: string,
    port: GuestPort,
    limits: Limits,
    options: GuestRunOptions,
    settle: (outcome: RunOutcome) => void,
  ) {
    this.#channel = channel;
    this.#run = run;
    this.#port = port;
    this.#limits = limits;
    this.#options = options;
    this.#settle = settle;
    const { calls, lastCall, outputBytes, guestMs, toolWaitMs } =
      options.resumption?.frozen.spent ?? NOTHING_SPENT;
    this.#calls = calls;
    this.#lastId = lastCall;
    this.#outputBytes = outputBytes;
    const used = { timeoutMs: guestMs, toolWaitMs };
    this.#clock = new RunClock(limits, used, channel.graceMs ?? GRACE_MS, {
      interrupt: () => channel.send({ type: "interrupt", run }),
      expire: (reason, message) => this.stop(reason, message),
    });
  }

  start(program: Program): void {
    this.#channel.listen(
      (data) => this.#receive(data),
      (message, reason) => this.stop(reason, message),
    );
    const { toolWaitMs: _, ...limits } = this.#limits;
    const { namespaces } = this.#port;
    const { resumption, globals } = this.#options;
    const kept = globals === undefined ? {} : { globals };
    const begin = { type: "run", run: this.#run, program, namespaces, limits, ...kept } as const;
    const { snapshot, spent } = resumption?.frozen ?? {};
    const thaw = snapshot && spent && { thaw: { snapshot, usedMs: spent.guestMs } };
    this.#channel.send({ ...begin, ...thaw });
    this.#port.notice({ type: "running" });
    if (resumption !== undefined) this.#resume(resumption);
    this.#clock.resume("guest");
  }

  #resume({ replies, again, held }: Resumption): void {
    for (const call of [...held, ...again]) this.#open.add(call);
    for (const { id } of held) this.#open.hold(id);
    for (const call of again) void this.#answer(call);
    if (replies.length > 0) this.#channel.send({ type: "replies", run: this.#run, replies });
  }

  /** Ends the run from this side: the runtime goes with it. */
  stop(reason: StopReason, message: string): void {
    if (this.#settled) return;
    this.#channel.kill();
    this.#finish({ status: "stopped", reason, message, peakMemoryBytes: this.#peakMemoryBytes });
  }

  #finish(outcome: RunOutcome): void {
    this.#close();
    this.#settle(outcome);
  }

  /** Nothing of this run is heard any more. */
  #close(): void {
    this.#settled = true;
    clearTimeout(this.#checkpoint);
    this.#clock.stop();
    this.#channel.unlisten();
    this.#ended.abort();
  }

  #receive(data: unknown): void {
    let message: RuntimeMessage;
    try {
      message = parseRuntimeMessage(data);
    } catch (error) {
      return this.stop("security", messageOf(error));
    }
    if ("run" in message && message.run !== this.#run) {
      return this.stop("security", "The runtime answered for another run.");
    }
    switch (message.type) {
      case "turn":
        if (!this.#log(message.logs)) return;
        for (const call of message.calls) if (!this.#accept(call)) return;
        this.#idle = message.idle;
        if (message.idle) this.#options.onIdle?.();
        return this.#advance();
      case "done": {
        if (!this.#log(message.logs)) return;
        const { outcome, peakMemoryBytes } = message;
        if (this.#outputBytes + outputBytes(outcome) > this.#limits.maxOutputBytes) {
          return this.stop("output", `The value and the logs exceed ${this.#limits.maxOutputBytes} bytes.`);
        }
        return this.#finish({
          ...outcome,
          peakMemoryBytes: Math.max(peakMemoryBytes, this.#peakMemoryBytes),
        });
      }
      case "usage":
        return this.#weigh(message.memoryBytes);
      case "frozen":
        return this.#frozen(message);
      case "unfrozen":
        return this.#unfrozen(message);
      case "ready":
      case "unfit":
        return this.stop("security", "The runtime announced itself twice.");
      default:
        return assertNever(message);
    }
  }

  #weigh(memoryBytes: number): void {
    const limitBytes = this.#options.ceilingBytes ?? Number.POSITIVE_INFINITY;
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
    for (const entry of entries) this.#outputBytes += textBytes(entry.text) + LOG_ENTRY_BYTES;
    if (this.#outputBytes > this.#limits.maxOutputBytes) {
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
    } else if (this.#open.size >= this.#limits.maxToolCallsInFlight) {
      this.stop("security", "The runtime ignored the limit of calls in flight.");
    } else if (textBytes(call.args) > this.#limits.maxMessageBytes) {
      this.stop("security", "The runtime ignored the limit of a message's size.");
    } else {
      this.#lastId = call.id;
      this.#open.add(call);
      void this.#answer(call);
    }
    return !this.#settled;
  }

  async #answer(call: GuestCall): Promise<void> {
    const reply = await this.#port.call(call, this.#ended.signal);
    if (this.#settled) return;
    if (reply !== HELD) return this.#reply(call.id, reply);
    if (this.#options.freezer === undefined) return this.#reply(call.id, refusal(call, NEEDS_APPROVAL));
    this.#open.hold(call.id);
    this.#advance();
  }

  #reply(id: number, reply: GuestReply): void {
    this.#open.answer(id);
    if (this.#replies.push({ ...reply, id }) === 1) queueMicrotask(() => this.#flush());
  }

  /** Sends the replies that came together as one message. */
  #flush(): void {
    if (this.#settled) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#channel.send({ type: "replies", run: this.#run, replies });
    this.#idle = false;
    clearTimeout(this.#checkpoint);
    this.#checkpoint = undefined;
    this.#advance();
  }

  /** Decides whose time passes, and whether the guest is to be frozen. */
  #advance(): void {
    // What was answered goes out first.
    if (this.#settled || this.#replies.length > 0) return;
    if (!this.#idle || this.#open.size === 0) return this.#clock.resume("guest");
    if (this.#open.allHeld) {
      this.#clock.resume("freezing");
      if (this.#asked === undefined) this.#ask("end");
      return;
    }
    this.#clock.resume("tools");
    if (this.#options.freezer?.onCheckpoint === undefined) return;
    this.#checkpoint ??= setTimeout(() => {
      if (this.#asked === undefined) this.#ask("checkpoint");
    }, CHECKPOINT_MS);
  }

  #ask(what: "checkpoint" | "end"): void {
    this.#asked = what;
    this.#askedCalls = this.#open.size;
    this.#open.mark();
    const held = what === "end" ? { held: this.#open.held.map(({ id }) => id) } : {};
    this.#channel.send({ type: "freeze", run: this.#run, ...held });
  }

  #frozen({ snapshot: base64, open, peakMemoryBytes }: FrozenMessage): void {
    const asked = this.#asked;
    const { freezer } = this.#options;
    if (asked === undefined || freezer === undefined) {
      return this.stop("security", "The runtime froze the program unasked.");
    }
    this.#asked = undefined;
    const calls = this.#open.asOf(open);
    if (calls === undefined || (asked === "end" && calls.some(({ held }) => !held))) {
      return this.stop("security", "The runtime froze the program with other calls than it has.");
    }
    const snapshot = decodeSnapshot(base64, this.#limits.maxMessageBytes);
    if (snapshot === undefined) {
      return this.stop("security", "The runtime sent a snapshot that is none, or over its size.");
    }
    this.#peakMemoryBytes = Math.max(peakMemoryBytes, this.#peakMemoryBytes);
    const sealing = freezer.seal({ calls, spent: this.#spent(), snapshot });
    if (asked === "checkpoint") {
      this.#advance();
      sealing.then((frozen) => this.#settled || freezer.onCheckpoint?.(frozen)).catch(reportUncaught);
      return;
    }
    this.#close();
    const held = calls.map(({ id }) => id);
    const facts = { peakMemoryBytes: this.#peakMemoryBytes };
    sealing.then(
      (frozen) => this.#settle({ status: "suspended", frozen, held, ...facts }),
      (error: unknown) =>
        this.#settle({ status: "stopped", reason: "crashed", message: messageOf(error), ...facts }),
    );
  }

  #unfrozen({ reason }: UnfrozenMessage): void {
    const asked = this.#asked;
    if (asked === undefined) return this.stop("security", "The runtime refused what it was not asked.");
    this.#asked = undefined;
    if (asked === "end") {
      // It says so when its guest waits again.
      if (reason === "busy") this.#idle = false;
      // A call that the page did not know of has come by now.
      if (reason === "calls" && this.#idle && this.#open.allHeld && this.#open.size === this.#askedCalls) {
        return this.stop("security", "The runtime refused to freeze the program.");
      }
      if (reason === "size")
        for (const call of this.#open.held) this.#reply(call.id, refusal(call, TOO_LARGE));
    }
    this.#advance();
  }

  #spent(): SpentLimits {
    const { timeoutMs, toolWaitMs } = this.#clock.used;
    return {
      calls: this.#calls,
      lastCall: this.#lastId,
      outputBytes: this.#outputBytes,
      guestMs: timeoutMs,
      toolWaitMs,
    };
  }
}

/** A run that begins. Numbers of calls may begin with 0. */
const NOTHING_SPENT: SpentLimits = { calls: 0, lastCall: -1, outputBytes: 0, guestMs: 0, toolWaitMs: 0 };
