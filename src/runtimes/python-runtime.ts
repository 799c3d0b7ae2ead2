// Runs one Python program. The limits here end most programs politely; the page holds the same limits
// from outside and does not rely on this side. An interpreter serves one run and goes with its worker.

import type { PyodideAPI } from "pyodide";
import { nestsDeeper } from "../base/json.ts";
import type { GuestReply, NumberedReply, ProgramError, RuntimeOutcome } from "../protocol/guest-protocol.ts";
import { requireOperation } from "../protocol/parse-runtime-message.ts";
import { GuestClock } from "./guest-clock.ts";
import { limitJsHeap } from "./js-heap-limits.ts";
import { limitGrowth } from "./memory-growth.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, timeExceeded } from "./outbox.ts";
import { enter, installPrelude, type Prelude, SUSPENDS } from "./python-bridge.ts";
import type { RunCommand, RunLink, Runtime, RuntimeRun } from "./run-server.ts";
import { TextLines } from "./text-lines.ts";
import { parseThrown } from "./thrown-error.ts";

/** Parts of Pyodide without a public type, as version 314 has them. */
interface PyodideInternals {
  readonly _api: { on_fatal: (error: unknown) => void };
  readonly _module: { readonly HEAP8: Int8Array };
}

const SIGINT = 2;

/** Memory that the interpreter has for itself, so that a program gets all of its limit. Bytes. */
const ENGINE_BYTES = 32 * 1024 * 1024;

/** A guest that seems to wait for nothing is looked at once more after this. Milliseconds. */
const SECOND_LOOK_MS = 50;

/** An interpreter that waits for its program. */
export function createPythonRuntime(pyodide: PyodideAPI, interrupts: SharedArrayBuffer | undefined): Runtime {
  let current: PythonRun | undefined;
  const setMaxBytes = limitJsHeap(pyodide);
  const setMaxMemoryBytes = limitGrowth();
  const bridge = {
    call: (operation: string, target: string, args: string) => current?.call(operation, target, args),
    promise: () => current?.promise(),
    nestsDeeper,
    schedule: (callback: () => void, ms: number) => current?.schedule(callback, ms),
    soon: () => current?.soon(),
    entered: () => current?.entered(),
    turned: (more: boolean) => current?.turned(more),
    warn: (text: string) => current?.warn(text),
  };
  const python = installPrelude(pyodide, bridge);
  return {
    start(command, link) {
      setMaxBytes(command.limits.memoryBytes);
      setMaxMemoryBytes(command.limits.memoryBytes + ENGINE_BYTES);
      current = new PythonRun(pyodide, python, interrupts, command, link);
      current.start();
      return current;
    },
  };
}

class PythonRun implements RuntimeRun {
  readonly #pyodide: PyodideAPI;
  readonly #internals: PyodideInternals;
  readonly #python: Prelude;
  readonly #interrupts: Int32Array | undefined;
  readonly #command: RunCommand;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #clock: GuestClock;
  #lastCall = 0;
  readonly #answers = new Map<number, (answer: string) => void>();
  readonly #streams: TextLines[] = [];
  readonly #tasks = new MessageChannel();
  readonly #queue: (() => void)[] = [];
  /** Timers of Python's event loop that have not begun. */
  #timers = 0;
  /** Python's event loop has something ready, and was asked to run it. */
  #turnDue = false;
  /** It runs what is ready. Or it began to, and a callback waits for something in synchronous code. */
  #inTurn = false;
  #looking = false;
  /** Counts what the guest does that only a guest that goes on does. */
  #steps = 0;
  #ended = false;
  #interrupted = false;
  /** The guest can only go on when the page answers. */
  #idle = false;
  /** What the program left, as base64: nothing in it when it is too large, `undefined` when it could not be taken. */
  #kept: string | undefined;

  constructor(
    pyodide: PyodideAPI,
    python: Prelude,
    interrupts: SharedArrayBuffer | undefined,
    command: RunCommand,
    link: RunLink,
  ) {
    this.#pyodide = pyodide;
    this.#internals = pyodide as unknown as PyodideInternals;
    this.#python = python;
    this.#interrupts = interrupts && new Int32Array(interrupts);
    this.#command = command;
    this.#link = link;
    // A guest that sleeps is not asked for interrupts: the clock ends it.
    this.#clock = new GuestClock(command.limits.timeoutMs, () => this.#endOverTime());
    this.#outbox = new Outbox(command.limits, link, (outcome) => this.#end(outcome));
    link.onOpen = () => this.#flush();
    this.#tasks.port1.onmessage = () => this.#queue.shift()?.();
  }

  start(): void {
    const { program, namespaces, limits, globals } = this.#command;
    const pyodide = this.#pyodide;
    this.#internals._api.on_fatal = (error) => this.#crash(error);
    pyodide.setStdout(this.#stream("log"));
    pyodide.setStderr(this.#stream("error"));
    // A program has nobody to ask.
    pyodide.setStdin({ error: true });
    this.#wake();
    this.#listenForInterrupts();
    const { code, inputs } = program;
    const names = JSON.stringify(namespaces);
    const running =
      globals === undefined
        ? enter(this.#python.run, code, inputs, names)
        : enter(
            this.#python.runKeeping,
            code,
            inputs,
            names,
            globals.snapshot && pyodide.toPy(globals.snapshot),
            limits.maxMessageBytes,
          );
    running.then(
      (text) => this.#settle(text),
      (error: unknown) => this.#crash(error),
    );
    this.#lookSoon();
  }

  #stream(level: "log" | "error"): { write: (bytes: Uint8Array) => number; isatty: boolean } {
    const lines = new TextLines((text) => this.#outbox.log(level, text));
    this.#streams.push(lines);
    return { write: (bytes) => lines.write(bytes), isatty: false };
  }

  reply(replies: readonly NumberedReply[]): void {
    if (this.#ended) return;
    this.#wake();
    for (const { id, ...reply } of replies) {
      this.#outbox.answered(id);
      this.#answer(id, answerText(reply));
    }
    this.#lookSoon();
  }

  #answer(id: number, text: string): void {
    const resolve = this.#answers.get(id);
    this.#answers.delete(id);
    if (resolve !== undefined) return resolve(text);
    try {
      this.#python.deliver(id, text);
    } catch {
      // Out of time. Or out of memory: who then waits for ever is found by a look.
      if (this.#interrupted) this.#endOverTime();
    }
  }

  /** Gives away what the program left: it was taken before the run ended. */
  async freeze(): Promise<void> {
    const snapshot = this.#kept;
    if (!snapshot) return this.#link.unfrozen(snapshot === undefined ? "busy" : "size");
    this.#link.frozen({ snapshot, open: [], peakMemoryBytes: this.#memoryBytes }, true);
  }

  // What the prelude asks for.

  warn(text: string): void {
    this.#outbox.log("warn", text);
  }

  /** Starts a call. Returns its number, which its answer is delivered with. */
  call(operation: string, target: string, args: string): number {
    this.#steps += 1;
    this.#lastCall = this.#outbox.call(requireOperation(operation), target, args);
    this.#lookSoon();
    return this.#lastCall;
  }

  /** The answer to the call that was just started, for who can't await it. */
  promise(): Promise<string> {
    return new Promise((resolve) => this.#answers.set(this.#lastCall, resolve));
  }

  /** A timer of Python's event loop, which then has something ready. */
  schedule(callback: () => void, ms: number): void {
    this.#timers += 1;
    this.#steps += 1;
    setTimeout(() => {
      this.#timers -= 1;
      if (this.#ended) return;
      this.#lookSoon();
      try {
        callback();
      } catch {
        // Out of memory: what then never happens is found by a look.
      }
    }, ms);
  }

  /** Python's event loop has something ready. */
  soon(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#steps += 1;
    const turn = (): unknown =>
      enter(this.#python.turn).catch(() => {
        // What a callback throws, its task has kept. An interrupt may have met another one than the program's.
        if (this.#interrupted) this.#endOverTime();
        // A dead interpreter did not even begin.
        this.#turnDue = false;
        this.#lookSoon();
      });
    if (SUSPENDS) turn();
    else this.#post(turn);
  }

  /** Python's event loop begins to run something. Returns whether it may. */
  entered(): boolean {
    this.#turnDue = false;
    if (this.#ended) return false;
    this.#inTurn = true;
    // It goes on by itself: its own clock runs again.
    if (this.#idle) this.#wake();
    this.#lookSoon();
    return true;
  }

  /** It has run what was ready, or a part of it. */
  turned(more: boolean): void {
    this.#inTurn = false;
    if (more) this.soon();
  }

  #post(task: () => void): void {
    this.#queue.push(task);
    this.#tasks.port2.postMessage(null);
  }

  /** Looks at the guest once it has done what it can do by itself. */
  #lookSoon(): void {
    if (this.#looking || this.#ended) return;
    this.#looking = true;
    this.#post(() => {
      this.#looking = false;
      this.#look();
    });
  }

  #look(isSecond = false): void {
    if (this.#ended) return;
    // Suspended: others may be ready all the same.
    if (this.#inTurn) this.turned(true);
    if (this.#turnDue || this.#timers > 0) return this.#flush();
    if (this.#outbox.open > 0) {
      this.#rest();
      return this.#flush();
    }
    // Without memory Python's event loop can lose what it was about to do.
    if (isSecond && this.#memoryBytes >= this.#command.limits.memoryBytes) {
      return this.#end(memoryExceeded(this.#command.limits));
    }
    if (isSecond) return this.#isAlive() ? this.#end(NEVER_SETTLES) : undefined;
    // Between two callbacks Pyodide has steps of its own that are not seen here.
    const steps = this.#steps;
    setTimeout(() => this.#look(steps === this.#steps), SECOND_LOOK_MS);
  }

  /** Whether the interpreter still answers; ends the run when it does not. */
  #isAlive(): boolean {
    try {
      return this.#pyodide.runPython("True") === true;
    } catch (error) {
      this.#crash(error);
      return false;
    }
  }

  #flush(): void {
    if (!this.#ended) this.#outbox.flush(performance.now(), this.#idle);
  }

  /** The guest's own clock runs from here on. */
  #wake(): void {
    this.#idle = false;
    this.#clock.run();
    this.#outbox.begin(performance.now());
  }

  /** The guest's own clock stands still from here on. */
  #rest(): void {
    this.#idle = true;
    this.#clock.pause();
  }

  /**
   * Python reads the first element of this "buffer" every few instructions. Where memory can be shared the
   * keeper says there that the time is over; elsewhere the clock does.
   */
  #listenForInterrupts(): void {
    const read = (): number => this.#poll();
    this.#pyodide.setInterruptBuffer({
      get 0() {
        return read();
      },
      set 0(_read) {},
    } as unknown as Int32Array);
  }

  #poll(): number {
    const now = performance.now();
    if (!this.#ended) this.#outbox.tick(now, this.#memoryBytes, this.#interrupted);
    const over =
      this.#ended ||
      (this.#interrupts === undefined ? this.#clock.isOver(now) : this.#interrupts[0] === SIGINT);
    // Once: a program that goes on is ended from outside.
    if (!over || this.#interrupted) return 0;
    this.#interrupted = true;
    return SIGINT;
  }

  get #memoryBytes(): number {
    return this.#internals._module.HEAP8.length;
  }

  #settle(text: string): void {
    // A program that swallowed the interrupt is over its time all the same.
    if (this.#interrupted) return this.#endOverTime();
    const end = text.indexOf("\n");
    const json = text.slice(end + 1);
    switch (text.slice(0, Math.max(0, end))) {
      case "returned":
        if (this.#outbox.fits(json)) this.#end({ status: "returned", json });
        return;
      case "threw":
        if (this.#outbox.fits(json)) this.#end({ status: "threw", error: parseThrown(json) });
        return;
      case "memory":
        return this.#end(memoryExceeded(this.#command.limits));
      case "interrupted":
        return this.#end(KEYBOARD);
      default:
        return this.#crash("the prelude answered something else");
    }
  }

  #endOverTime(): void {
    this.#end(timeExceeded(this.#command.limits));
  }

  /** The interpreter is dead: Python's promise may never settle. */
  #crash(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#end({
      status: "stopped",
      reason: "crashed",
      message: `The Python interpreter died: ${message.slice(0, 300)}`,
    });
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    const waits = this.#command.globals !== undefined && outcome.status !== "stopped";
    // Now: once the run has ended the interpreter is interrupted wherever it goes on.
    if (waits) this.#takeKept();
    this.#ended = true;
    this.#clock.pause();
    for (const lines of this.#streams) lines.end();
    const logs = this.#outbox.takeLogs();
    // A dying interpreter prints all its frames, ours among them.
    const dump = outcome.status === "stopped" ? logs.findIndex(({ text }) => text === STACK_DUMP) : -1;
    this.#link.done(outcome, dump < 0 ? logs : logs.slice(0, dump), this.#memoryBytes, waits);
  }

  #takeKept(): void {
    try {
      this.#kept = this.#python.kept();
    } catch {
      // Interrupted, or dead: nothing is kept.
    }
  }
}

const STACK_DUMP = "Stack (most recent call first):";

const KEYBOARD: RuntimeOutcome = {
  status: "threw",
  error: { name: "KeyboardInterrupt", message: "", kind: "exception" } satisfies ProgramError,
};

/** How the prelude reads answers: one letter, then JSON. */
function answerText(reply: GuestReply): string {
  if (!reply.ok) return `e${JSON.stringify(reply.error)}`;
  return `${reply.bytes === true ? "b" : "v"}${reply.json}`;
}
