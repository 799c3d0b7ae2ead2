// Watches one program from a second thread of its process: batches what it sends, counts, keeps its
// time and its memory, and ends its thread. Most programs end politely here; whoever drives the
// process holds the same limits from outside and does not rely on this side.

import type { Worker } from "node:worker_threads";
import {
  NODE_RUNTIME_BYTES,
  type NumberedReply,
  type ProgramError,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import type { PreparedProgram } from "../protocol/prepared-program.ts";
import { GuestClock } from "./guest-clock.ts";
import { prepareProgram } from "./javascript-program.ts";
import type { ThreadCommand, ThreadMessage } from "./node-thread.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, timeExceeded } from "./outbox.ts";
import { locateInProgram } from "./program-places.ts";
import type { RunCommand, RunLink, RuntimeRun } from "./run-server.ts";
import { parseThrown } from "./thrown-error.ts";

/** How often the memory is looked at. Milliseconds. */
const MEMORY_MS = 20;

/** What V8 says when there is no room for what the program asks for. */
const OUT_OF_MEMORY =
  /^(?:Invalid string length|Array buffer allocation failed|Invalid typed array length.*)$/;

/** Runs one program in `guest`, a thread that waits for it. `link.done` is called exactly once. */
export function startNodeRun(command: RunCommand, guest: Worker, link: RunLink): RuntimeRun {
  const run = new NodeRun(command, guest, link);
  run.start();
  return run;
}

class NodeRun implements RuntimeRun {
  readonly #command: RunCommand;
  readonly #guest: Worker;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #clock: GuestClock;
  #program: PreparedProgram | undefined;
  #memoryBefore = 0;
  #memoryWatch: ReturnType<typeof setInterval> | undefined;
  #peakMemoryBytes = 0;
  #ended = false;
  #drained = false;
  #replies = 0;
  #flushing = false;
  /** The guest can only go on when the page answers. */
  #idle = false;

  constructor(command: RunCommand, guest: Worker, link: RunLink) {
    this.#command = command;
    this.#guest = guest;
    this.#link = link;
    this.#outbox = new Outbox(command.limits, link, (outcome) => this.#end(outcome));
    this.#clock = new GuestClock(command.limits.timeoutMs, () => this.#end(timeExceeded(command.limits)));
    link.onOpen = () => this.#flush();
    guest.on("message", (message: ThreadMessage) => this.#receive(message));
    guest.on("error", (error: Error & { readonly code?: unknown }) => {
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") this.#end(memoryExceeded(this.#command.limits));
      else this.#crashed(`The program's thread failed: ${error.message}`);
    });
    guest.on("exit", (code) => {
      if (this.#drained) this.#end(NEVER_SETTLES);
      else this.#crashed(`The program ended its process with exit code ${code}.`);
    });
  }

  start(): void {
    this.#wake();
    const { program, namespaces } = this.#command;
    if (program.language === "python") return this.#crashed("This runtime runs no Python.");
    const prepared = prepareProgram(program.language, program.code);
    if (!("source" in prepared)) return this.#end({ status: "threw", error: addModulesHint(prepared) });
    this.#program = prepared;
    this.#memoryBefore = process.memoryUsage.rss();
    this.#memoryWatch = setInterval(() => this.#lookAtMemory(), MEMORY_MS);
    const { source, filename } = prepared;
    this.#post({ type: "start", source, filename, inputs: program.inputs, namespaces });
  }

  reply(replies: readonly NumberedReply[]): void {
    if (this.#ended) return;
    for (const { id } of replies) this.#outbox.answered(id);
    this.#replies += replies.length;
    this.#wake();
    this.#post({ type: "replies", replies });
    this.#flushSoon();
  }

  #post(command: ThreadCommand): void {
    this.#guest.postMessage(command);
  }

  #receive(message: ThreadMessage): void {
    if (this.#ended) return;
    switch (message.type) {
      case "call": {
        const { id, operation, target, args } = message.call;
        // Both sides count alike, unless the program speaks for its thread.
        if (this.#outbox.call(operation, target, args) !== id)
          return this.#crashed("A call has a wrong number.");
        return this.#flushSoon();
      }
      case "log":
        this.#outbox.log(message.level, message.text);
        return this.#flushSoon();
      case "settled":
        return this.#settle(message);
      case "idle":
        // It may have been said before the last replies arrived.
        if (message.replies === this.#replies) this.#rest();
        return;
      case "drained":
        this.#drained = true;
        return;
      default:
        throw new Error(`The program's thread posted ${JSON.stringify(message satisfies never)}`);
    }
  }

  #settle({ status, json }: { readonly status: string; readonly json: string }): void {
    const outcome: RuntimeOutcome = status === "returned" ? { status, json } : this.#threw(json);
    const text = outcome.status === "threw" ? JSON.stringify(outcome.error) : json;
    if (outcome.status !== "stopped" && !this.#outbox.fits(text)) return;
    this.#lookAtMemory();
    this.#end(outcome);
  }

  /** Calls and logs that come in one turn of this thread go out together. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#ended) this.#outbox.flush(performance.now(), this.#idle);
  }

  #wake(): void {
    this.#idle = false;
    this.#clock.run();
  }

  /** The guest only waits: its own clock stands still, and whoever drives the process hears of it. */
  #rest(): void {
    this.#idle = true;
    this.#clock.pause();
    this.#flush();
  }

  #lookAtMemory(): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, process.memoryUsage.rss() - this.#memoryBefore);
    if (this.#peakMemoryBytes > this.#command.limits.memoryBytes + NODE_RUNTIME_BYTES)
      this.#end(memoryExceeded(this.#command.limits));
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#clock.pause();
    clearInterval(this.#memoryWatch);
    this.#guest.removeAllListeners();
    void this.#guest.terminate();
    this.#link.done(outcome, this.#outbox.takeLogs(), this.#peakMemoryBytes);
  }

  #crashed(message: string): void {
    this.#end({ status: "stopped", reason: "crashed", message });
  }

  #threw(json: string): RuntimeOutcome {
    const { stack = "", ...error } = parseThrown(json);
    if (error.name === "RangeError" && OUT_OF_MEMORY.test(error.message))
      return memoryExceeded(this.#command.limits);
    const place = this.#program === undefined ? {} : locateInProgram(stack, this.#program);
    return { status: "threw", error: { ...error, ...place } };
  }
}

/** A program may load Node's modules, though not by a declaration. */
function addModulesHint(error: ProgramError): ProgramError {
  if (!/'import'|'export'/.test(error.message)) return error;
  return { ...error, hint: `${error.hint} Node's modules: const fs = await import("node:fs").` };
}
