// Runs one Python program. The limits here end most programs politely; the page holds the same limits
// from outside and does not rely on this side. An interpreter serves one run and goes with its worker.

import type { PyodideAPI } from "pyodide";
import type { PyDict } from "pyodide/ffi";
import { nestsDeeper } from "../base/json.ts";
import {
  type GuestReply,
  type NumberedReply,
  type ProgramError,
  type RuntimeOutcome,
  requireOperation,
} from "../protocol/guest-protocol.ts";
import { GuestClock } from "./guest-clock.ts";
import { limitJsHeap } from "./js-heap-limits.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, timeExceeded } from "./outbox.ts";
import prelude from "./python-prelude.py?raw";
import values from "./python-values.py?raw";
import type { RunCommand, RunLink, Runtime, RuntimeRun } from "./run-server.ts";
import { TextLines } from "./text-lines.ts";
import { parseThrown } from "./thrown-error.ts";

/** Parts of Pyodide without a public type, as version 314 has them. */
interface PyodideInternals {
  readonly _api: { on_fatal: (error: unknown) => void };
  readonly _module: { readonly HEAP8: Int8Array };
}

/** `run` of the prelude. */
interface RunFunction {
  (source: string, inputs: string, namespaces: string): PromiseLike<string>;
  callPromising(source: string, inputs: string, namespaces: string): Promise<string>;
}

/** `deliver` of the prelude. */
type Deliver = (call: number, answer: string) => void;

/** Whether the browser can suspend Python (JSPI). WebKit can't: what waits in synchronous code fails there. */
const SUSPENDS = "Suspending" in WebAssembly;

const SIGINT = 2;

/** Callbacks of Python's event loop share a task of this length. Milliseconds. */
const SLICE_MS = 4;

/** A guest that seems to wait for nothing is looked at once more after this. Milliseconds. */
const SECOND_LOOK_MS = 50;

/** An interpreter that waits for its program. */
export function createPythonRuntime(pyodide: PyodideAPI, interrupts: SharedArrayBuffer | undefined): Runtime {
  let current: PythonRun | undefined;
  const setMaxBytes = limitJsHeap(pyodide);
  const scope = openPrelude(pyodide);
  const bridge = {
    call: (operation: string, target: string, args: string) => current?.call(operation, target, args),
    promise: (id: number) => current?.promise(id),
    nestsDeeper,
    schedule: (callback: () => unknown, ms: number) => current?.schedule(callback, ms),
  };
  const run: RunFunction = scope.get("install")(bridge);
  const deliver: Deliver = scope.get("deliver");
  return {
    start(command, link) {
      setMaxBytes(command.limits.memoryBytes);
      current = new PythonRun(pyodide, { run, deliver }, interrupts, command, link);
      current.start();
      return current;
    },
  };
}

/** The prelude's names: as the snapshot holds them (src/build/python-snapshot.ts), or made now. */
function openPrelude(pyodide: PyodideAPI): PyDict {
  const held: PyDict | undefined = pyodide.globals.get("prelude");
  if (held !== undefined) return held;
  const scope: PyDict = pyodide.toPy({});
  for (const source of [values, prelude]) pyodide.runPython(source, { globals: scope });
  return scope;
}

class PythonRun implements RuntimeRun {
  readonly #pyodide: PyodideAPI;
  readonly #internals: PyodideInternals;
  readonly #run: RunFunction;
  readonly #deliver: Deliver;
  readonly #interrupts: Int32Array | undefined;
  readonly #command: RunCommand;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #clock: GuestClock;
  readonly #answers = new Map<number, (answer: string) => void>();
  readonly #streams: TextLines[] = [];
  readonly #tasks = new MessageChannel();
  readonly #queue: (() => void)[] = [];
  /** A task that works on the queue is on its way. */
  #posted = false;
  /** Callbacks of Python's event loop that have not begun. */
  #scheduled = 0;
  #looking = false;
  /** Counts what the guest does that only a guest that goes on does. */
  #steps = 0;
  #ended = false;
  #interrupted = false;
  /** The guest can only go on when the page answers. */
  #idle = false;

  constructor(
    pyodide: PyodideAPI,
    { run, deliver }: { readonly run: RunFunction; readonly deliver: Deliver },
    interrupts: SharedArrayBuffer | undefined,
    command: RunCommand,
    link: RunLink,
  ) {
    this.#pyodide = pyodide;
    this.#internals = pyodide as unknown as PyodideInternals;
    this.#run = run;
    this.#deliver = deliver;
    this.#interrupts = interrupts && new Int32Array(interrupts);
    this.#command = command;
    this.#link = link;
    // A guest that sleeps is not asked for interrupts: the clock ends it.
    this.#clock = new GuestClock(command.limits.timeoutMs, () => this.#end(timeExceeded(command.limits)));
    this.#outbox = new Outbox(command.limits, link, (outcome) => this.#end(outcome));
    link.onOpen = () => this.#flush();
    this.#tasks.port1.onmessage = () => this.#work();
  }

  start(): void {
    const { program, namespaces } = this.#command;
    const pyodide = this.#pyodide;
    this.#internals._api.on_fatal = (error) => this.#crash(error);
    pyodide.setStdout(this.#stream("log"));
    pyodide.setStderr(this.#stream("error"));
    // A program has nobody to ask.
    pyodide.setStdin({ error: true });
    this.#wake();
    this.#listenForInterrupts();
    const args = [program.code, program.inputs, JSON.stringify(namespaces)] as const;
    const run = this.#run;
    Promise.resolve(SUSPENDS ? run.callPromising(...args) : run(...args)).then(
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
      this.#outbox.answered();
      this.#answer(id, answerText(reply));
    }
    this.#lookSoon();
  }

  #answer(id: number, text: string): void {
    const resolve = this.#answers.get(id);
    this.#answers.delete(id);
    if (resolve !== undefined) return resolve(text);
    try {
      this.#deliver(id, text);
    } catch {
      // Out of time. Or out of memory: who then waits for ever is found by a look.
      if (this.#interrupted) this.#end(timeExceeded(this.#command.limits));
    }
  }

  // What the prelude asks for.

  /** Starts a call. Returns its number, which its answer is delivered with. */
  call(operation: string, target: string, args: string): number {
    this.#steps += 1;
    const id = this.#outbox.call(requireOperation(operation), target, args);
    this.#lookSoon();
    return id;
  }

  /** The answer to a call that was just started, for who can't await it. */
  promise(id: number): Promise<string> {
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  /** Python's event loop. */
  schedule(callback: () => unknown, ms: number): void {
    this.#scheduled += 1;
    this.#steps += 1;
    const enter = (): void => {
      this.#scheduled -= 1;
      if (this.#ended) return;
      // It goes on by itself: its own clock runs again.
      if (this.#idle) this.#wake();
      this.#lookSoon();
      try {
        // Suspended Python comes back as a promise. What a callback throws, its task has kept.
        Promise.resolve(callback()).catch(() => {});
      } catch {
        // As above.
      }
    };
    if (ms > 0) setTimeout(enter, ms);
    else this.#soon(enter);
  }

  #soon(callback: () => void): void {
    this.#queue.push(callback);
    this.#post();
  }

  /** Looks at the guest once it has done what it can do by itself. */
  #lookSoon(): void {
    if (this.#ended) return;
    this.#looking = true;
    this.#post();
  }

  #post(): void {
    if (this.#posted) return;
    this.#posted = true;
    this.#tasks.port2.postMessage(null);
  }

  /** One task: what is in the queue for a moment, then answers come in. Or a look, when nothing is. */
  #work(): void {
    this.#posted = false;
    if (this.#queue.length === 0) return this.#lookNow();
    const until = performance.now() + SLICE_MS;
    do this.#queue.shift()?.();
    while (this.#queue.length > 0 && performance.now() < until);
    if (this.#queue.length > 0) this.#lookNow();
    if (this.#queue.length > 0 || this.#looking) this.#post();
  }

  #lookNow(): void {
    if (!this.#looking) return;
    this.#looking = false;
    this.#look();
  }

  #look(isSecond = false): void {
    if (this.#ended) return;
    if (this.#scheduled > 0) return this.#flush();
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
    if (!this.#ended) this.#outbox.tick(now, this.#memoryBytes);
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
        return this.#end(this.#interrupted ? timeExceeded(this.#command.limits) : KEYBOARD);
      default:
        return this.#crash("the prelude answered something else");
    }
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
    this.#ended = true;
    this.#clock.pause();
    for (const lines of this.#streams) lines.end();
    const logs = this.#outbox.takeLogs();
    // A dying interpreter prints all its frames, ours among them.
    const dump = outcome.status === "stopped" ? logs.findIndex(({ text }) => text === STACK_DUMP) : -1;
    this.#link.done(outcome, dump < 0 ? logs : logs.slice(0, dump), this.#memoryBytes);
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
