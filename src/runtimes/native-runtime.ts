// Runs JavaScript programs at the browser's own speed, each as the script of a worker of its own. This
// side keeps its realm to itself: the program is parsed, watched and ended from here. What its worker
// posts may be forged by the program; the page holds the same limits and does not rely on this side.

import { messageOf } from "../base/errors.ts";
import {
  type NumberedReply,
  type ProgramError,
  type RuntimeLimits,
  type RuntimeOutcome,
  UNCOLLECTED_BYTES,
} from "../protocol/guest-protocol.ts";
import type { PreparedProgram } from "../protocol/prepared-program.ts";
import { GuestClock } from "./guest-clock.ts";
import { GuestTimers, TOO_MANY_TIMERS } from "./guest-timers.ts";
import { prepareProgram } from "./javascript-program.ts";
import { type NativeCommand, type NativeMessage, parseNativeMessage } from "./native-messages.ts";
import { nativeScript, toProgramStack } from "./native-script.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, timeExceeded } from "./outbox.ts";
import { locateInProgram } from "./program-places.ts";
import type { RunCommand, RunLink, Runtime, RuntimeRun } from "./run-server.ts";
import { stripTypes } from "./strip-types.ts";
import { parseThrown } from "./thrown-error.ts";

/** Calls and logs wait this long for company while the program computes on. Milliseconds. */
const FLUSH_MS = 5;

/**
 * A program that waits for nothing we know of may still wait for the browser, which refuses an
 * `import()` a moment later. Milliseconds.
 */
const SILENCE_MS = 300;

/** What a worker takes before its program does anything; measured in Chromium 156. Bytes. */
const WORKER_BYTES = 2 * 1024 * 1024;

export function createNativeRuntime(): Runtime {
  return {
    start(command, link) {
      const run = new NativeRun(command, link);
      run.boot();
      return run;
    },
  };
}

class NativeRun implements RuntimeRun {
  readonly #command: RunCommand;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #clock: GuestClock;
  readonly #timers = new GuestTimers();
  #program: PreparedProgram | undefined;
  #worker: Worker | undefined;
  #ended = false;
  /** Counts what the program was woken for; it rests when it has answered the last. */
  #turns = 0;
  #resting = false;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #memoryBytes = WORKER_BYTES;
  #peakMemoryBytes = WORKER_BYTES;

  constructor(command: RunCommand, link: RunLink) {
    this.#command = command;
    this.#link = link;
    this.#outbox = new Outbox(command.limits, link, (outcome) => this.#end(outcome));
    this.#clock = new GuestClock(command.limits.timeoutMs, () => this.#end(timeExceeded(command.limits)));
    link.onOpen = () => this.#flush();
  }

  boot(): void {
    const { program, namespaces, limits } = this.#command;
    if (program.language === "python") return this.#crash("This runtime runs no Python.");
    this.#clock.run();
    const prepared = prepareProgram(program.language, program.code, stripTypes);
    if (!("source" in prepared)) return this.#end({ status: "threw", error: prepared });
    this.#program = prepared;
    const url = URL.createObjectURL(new Blob([nativeScript(prepared)], { type: "text/javascript" }));
    const worker = new Worker(url);
    URL.revokeObjectURL(url);
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data);
    worker.onmessageerror = () => this.#crash("The program's worker posted what can't be read.");
    worker.onerror = (event) => {
      event.preventDefault();
      // Without words it is no error of the script: the script did not load.
      if (!(event instanceof ErrorEvent)) return this.#crash("The program's worker did not start.");
      this.#end({ status: "threw", error: this.#uncaught(event) });
    };
    const seed = [...crypto.getRandomValues(new Int32Array(4))];
    this.#turn({
      type: "begin",
      inputs: program.inputs,
      settings: JSON.stringify({ namespaces, seed }),
      longest: {
        outputCharacters: limits.maxOutputBytes,
        argsCharacters: limits.maxMessageBytes,
        thrownCharacters: longestThrown(limits),
      },
    });
  }

  reply(replies: readonly NumberedReply[]): void {
    const deliveries = replies.map((reply) => {
      this.#outbox.answered(reply.id);
      const { id } = reply;
      return reply.ok
        ? { id, ok: true, payload: reply.json, hasBytes: reply.bytes === true }
        : { id, ok: false, payload: JSON.stringify(reply.error), hasBytes: false };
    });
    this.#turn({ type: "deliver", deliveries });
  }

  /** Wakes the program. */
  #turn(command: NativeCommand): void {
    if (this.#ended) return;
    this.#worker?.postMessage(command);
    this.#awaitRest();
  }

  /** Asks when the program will have nothing more to do by itself. Until then its clock runs. */
  #awaitRest(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#resting = false;
    this.#clock.run();
    this.#outbox.begin(performance.now());
    this.#turns += 1;
    this.#worker?.postMessage({ type: "rest", turn: this.#turns } satisfies NativeCommand);
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    let message: NativeMessage;
    try {
      message = parseNativeMessage(data);
    } catch (error) {
      return this.#crash(messageOf(error));
    }
    this.#act(message);
    if (this.#ended || message.type === "rest") return;
    // The browser woke the program: an import was refused, a buffer was collected.
    if (this.#resting && message.type !== "buffers") this.#awaitRest();
    this.#outbox.tick(performance.now(), this.#memoryBytes);
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#flush();
    }, FLUSH_MS);
  }

  #act(message: NativeMessage): void {
    switch (message.type) {
      case "call":
        if (this.#outbox.call(message.operation, message.target, message.args) === message.id) return;
        return this.#crash("The program's worker counted its calls wrong.");
      case "log":
        return this.#outbox.log(message.level, message.text);
      case "settle":
        return this.#settle(message.status, message.json);
      case "sleep": {
        const { timer, ms } = message;
        if (this.#timers.start(timer, ms, () => this.#turn({ type: "fire", timer }))) return;
        return this.#end(TOO_MANY_TIMERS);
      }
      case "wake":
        return this.#timers.cancel(message.timer);
      case "buffers":
        return this.#weigh(message.bytes);
      case "rest":
        if (message.turn === this.#turns) this.#rest();
        return;
      case "unfit":
        return this.#crash(`The scope of the program's worker could not be emptied: ${message.names}.`);
      default:
        return message satisfies never;
    }
  }

  #settle(status: string, json: string): void {
    if (status === "returned") {
      if (this.#outbox.fits(json)) this.#end({ status, json });
      return;
    }
    // An engine's stack repeats the message and names our own part of the script: neither counts.
    const error = json.length > longestThrown(this.#command.limits) ? undefined : this.#threw(json);
    if (!this.#outbox.fits(error === undefined ? json : JSON.stringify(error))) return;
    if (error !== undefined) this.#end({ status: "threw", error });
  }

  #rest(): void {
    this.#resting = true;
    const idle = this.#idle();
    if (idle) this.#clock.pause();
    else if (this.#timers.size === 0 && this.#outbox.waiting === 0) {
      this.#silence = setTimeout(() => this.#end(NEVER_SETTLES), SILENCE_MS);
    }
    this.#flush();
  }

  /** Whether the program can only go on when the page answers. */
  #idle(): boolean {
    return this.#resting && this.#timers.size === 0 && this.#outbox.open > 0;
  }

  #flush(): void {
    // A program that only waits says so too: from then on its own clock stands still.
    if (!this.#ended) this.#outbox.flush(performance.now(), this.#idle());
  }

  #weigh(bufferBytes: number): void {
    this.#memoryBytes = WORKER_BYTES + bufferBytes;
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, this.#memoryBytes);
    const { limits } = this.#command;
    if (bufferBytes > limits.memoryBytes + UNCOLLECTED_BYTES) this.#end(memoryExceeded(limits));
  }

  #crash(message: string): void {
    this.#end({ status: "stopped", reason: "crashed", message });
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker?.terminate();
    this.#clock.pause();
    this.#timers.clear();
    clearTimeout(this.#soon);
    clearTimeout(this.#silence);
    this.#link.done(outcome, this.#outbox.takeLogs(), this.#peakMemoryBytes);
  }

  #threw(json: string): ProgramError {
    const { stack, ...error } = parseThrown(json);
    return { ...error, ...this.#locate(stack ?? "", `${error.name}: ${error.message}`) };
  }

  /** Where a stack points in the program. Engines may put the error's own words before it. */
  #locate(stack: string, words: string): Pick<ProgramError, "line" | "column" | "stack"> {
    const program = this.#program;
    if (program === undefined) return {};
    const frames = stack.startsWith(words) ? stack.slice(words.length) : stack;
    return locateInProgram(toProgramStack(frames, program), program);
  }

  /** An error that reached the worker itself: of a microtask, or the engine refuses the program's text. */
  #uncaught({ message, filename, lineno, colno }: ErrorEvent): ProgramError {
    // Only Chromium says that it is uncaught.
    const [, name = "Error", words = message] = /^(?:Uncaught )?(\w+): (.*)$/s.exec(message) ?? [];
    const place = this.#locate(`@${filename}:${lineno}:${colno}`, "");
    const kind = name === "SyntaxError" && this.#turns === 1 ? "syntax" : "exception";
    return { name, message: words, kind, ...place };
  }
}

/** A longer error is not even read: its stack may repeat its message, and has frames. Characters of JSON. */
function longestThrown({ maxOutputBytes }: Pick<RuntimeLimits, "maxOutputBytes">): number {
  return 3 * maxOutputBytes + 64 * 1024;
}
