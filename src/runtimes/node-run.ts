// Serves one program beside it: batches what it sends, counts, and ends its run. Most programs end politely here;
// whoever drives the process holds the same limits from outside and does not rely on this side.

import type { GuestOperation, LogLevel, NumberedReply, RuntimeOutcome } from "../protocol/guest-protocol.ts";
import type { PreparedProgram } from "../protocol/prepared-program.ts";
import type { GuestEvents, NodeGuest, OpenGuest } from "./node-guest.ts";
import type { PrepareNodeProgram } from "./node-parser.ts";
import { clock } from "./node-shared.ts";
import type { NodeWatch } from "./node-watch.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox } from "./outbox.ts";
import { locateInProgram } from "./program-places.ts";
import type { RunCommand, RunLink, RuntimeRun } from "./run-server.ts";
import { parseThrown } from "./thrown-error.ts";

/** What V8 says when there is no room for what the program asks for. */
const OUT_OF_MEMORY =
  /^(?:Invalid string length|Array buffer allocation failed|Invalid typed array length.*)$/;

/** What a run has around it in its process. */
export interface NodeRunOptions {
  readonly openGuest: OpenGuest;
  /** For a program that comes as it was written. */
  readonly loadParser: () => PrepareNodeProgram;
  readonly watch: NodeWatch;
  readonly link: RunLink;
}

/** Runs one program. `link.done` is called exactly once, unless the watch ends the run. */
export function startNodeRun(command: RunCommand, options: NodeRunOptions): RuntimeRun {
  const run = new NodeRun(command, options);
  run.start();
  return run;
}

class NodeRun implements RuntimeRun, GuestEvents {
  readonly #command: RunCommand;
  readonly #guest: NodeGuest;
  readonly #link: RunLink;
  readonly #loadParser: () => PrepareNodeProgram;
  readonly #watch: NodeWatch;
  readonly #outbox: Outbox;
  #program: PreparedProgram | undefined;
  #ended = false;
  #flushing = false;
  /** The watch has logs that were not sent. */
  #kept = false;
  /** The guest can only go on when the page answers. */
  #idle = false;

  constructor(command: RunCommand, { openGuest, loadParser, watch, link }: NodeRunOptions) {
    this.#command = command;
    this.#link = link;
    this.#loadParser = loadParser;
    this.#watch = watch;
    this.#outbox = new Outbox(command.limits, link, (outcome) => this.#end(outcome));
    link.onOpen = () => this.#flush();
    this.#guest = openGuest(this);
  }

  start(): void {
    const { run, program, namespaces, limits } = this.#command;
    this.#watch.begin(run, limits);
    if (program.language === "python") return this.#crashed("This runtime runs no Python.");
    const prepared = program.prepared ?? this.#loadParser()(program.language, program.code);
    if (!("source" in prepared)) return this.#end({ status: "threw", error: prepared });
    this.#program = prepared;
    const { source, filename } = prepared;
    this.#outbox.begin(clock());
    this.#wake();
    this.#guest.start({ source, filename, inputs: program.inputs, namespaces });
  }

  reply(replies: readonly NumberedReply[]): void {
    if (this.#ended) return;
    for (const { id } of replies) this.#outbox.answered(id);
    this.#wake();
    this.#guest.deliver(replies);
    this.#flushSoon();
  }

  call(operation: GuestOperation, target: string, args: string): number {
    if (this.#ended) return 0;
    const id = this.#outbox.call(operation, target, args);
    this.#said();
    return id;
  }

  log(level: LogLevel, text: string): void {
    if (this.#ended) return;
    this.#outbox.log(level, text);
    this.#said();
    if (this.#ended || this.#outbox.takeLogs().length === 0) return;
    this.#kept = true;
    this.#watch.log({ level, text });
  }

  settled(status: string, json: string): void {
    if (this.#ended) return;
    const outcome: RuntimeOutcome = status === "returned" ? { status, json } : this.#threw(json);
    const text = outcome.status === "threw" ? JSON.stringify(outcome.error) : json;
    if (outcome.status !== "stopped" && !this.#outbox.fits(text)) return;
    this.#end(outcome);
  }

  /** Its own clock stands still, and whoever drives the process hears of it. */
  waits(): void {
    if (this.#ended) return;
    this.#idle = true;
    this.#watch.pause();
    this.#flush();
  }

  drained(): void {
    this.#end(NEVER_SETTLES);
  }

  exits(code: number): void {
    this.#crashed(`The program ended its process with exit code ${code}.`);
  }

  /** Calls and logs that come in one turn of this thread go out together, unless it takes long. */
  #said(): void {
    if (this.#ended) return;
    this.#outbox.tick(clock(), this.#watch.heldBytes);
    this.#tellSent();
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended) return;
    this.#outbox.flush(clock(), this.#idle);
    this.#tellSent();
  }

  #tellSent(): void {
    if (!this.#kept || this.#outbox.takeLogs().length > 0) return;
    this.#kept = false;
    this.#watch.sent();
  }

  #wake(): void {
    this.#idle = false;
    this.#watch.run();
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    const peakMemoryBytes = this.#watch.end();
    if (peakMemoryBytes !== undefined) this.#link.done(outcome, this.#outbox.takeLogs(), peakMemoryBytes);
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
