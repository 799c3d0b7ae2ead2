// What crosses here: the output of a process in which a guest runs. The guest may write to it whatever
// it likes, and find out its mark; so lines are bounded and counted here, and every message goes on
// as text for the one parser.

import { messageOf } from "../base/errors.ts";
import { clipText } from "../base/text.ts";
import {
  CREDIT_WINDOW,
  type Envelope,
  type LogEntry,
  type RuntimeCommand,
  type RuntimeMessage,
} from "../protocol/guest-protocol.ts";
import { parseRuntimeMessage } from "../protocol/parse-runtime-message.ts";
import {
  createMark,
  findMessage,
  type LineCommand,
  LineSplitter,
  lineCharacters,
  type Mark,
  toLine,
  toLineCommand,
  toOpening,
} from "../protocol/stdio-lines.ts";
import type { DeathListener, DeathReason, GuestChannel } from "./guest-run.ts";
import type { Poolable } from "./worker-pool.ts";

/** A process that runs `node-stdio`, as far as a run needs to know it. */
export interface RuntimeProcess {
  /** Standard output, and standard error where they come together. */
  readonly output: ReadableStream<string>;
  /** Resolves with the exit code. */
  readonly exit: Promise<number>;
  /** Whether it ended because it had no memory left, for whoever can tell. Asked after `exit`. Never rejects. */
  ranOutOfMemory?(): Promise<boolean>;
  /** Writes to standard input. Never throws. */
  write(text: string): void;
  /** Asks for the end of the process; `exit` tells when it came. Never throws. */
  kill(): void;
}

/** Credits travel with commands; without one they go back in groups. */
const CREDIT_GROUP = 16;

/** Longest line of a process that has no run yet. Characters. */
const MAX_IDLE_CHARACTERS = 64 * 1024;

/** How long output may arrive after the exit code, on a machine that others use too. Milliseconds. */
const DRAIN_MS = 1_000;

/** A runtime that ends its run in time has told so by then; its process may compete with others. Milliseconds. */
const GRACE_MS = 2_000;

/** How Node ends whose heap is full, after SIGABRT: it has no other way to say so. */
const ABORTED = 134;

export const NO_MEMORY = "The program needs more memory than its process may have.";

/** Lines of one piece that become an entry each; more of them become one, for entries take longer than characters. */
const MAX_ENTRIES = 100;

/** How much of the output of a process that never got ready is told. Characters. */
const LAST_WORDS_CHARACTERS = 500;

/** One process, seen from the side that drives its run. It serves one run and is never reused. */
export class ProcessChannel implements GuestChannel, Poolable {
  readonly graceMs = GRACE_MS;
  readonly #process: RuntimeProcess;
  readonly #mark: Mark = createMark();
  readonly #started = Promise.withResolvers<void>();
  readonly #lines = new LineSplitter(MAX_IDLE_CHARACTERS);
  #alive = true;
  #isReady = false;
  #run = "";
  #isNode = false;
  #lastWords = "";
  /** The last line was empty, and may belong to a message. */
  #blank = false;
  #uncredited = 0;
  #onMessage: ((data: unknown) => void) | undefined;
  #onDeath: DeathListener | undefined;

  constructor(process: RuntimeProcess) {
    this.#process = process;
    // Whoever waits for it hears of it; a channel that nobody waits for ends without noise.
    this.#started.promise.catch(() => undefined);
    const drained = this.#read();
    process.exit.then(
      async (code) => {
        // One that waits for a run has nothing to say, and must not be given one.
        const waits = this.#isReady && this.#run === "";
        if (!waits) await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_MS))]);
        const isFull = this.#isNode && code === ABORTED;
        if (isFull || (await process.ranOutOfMemory?.())) return this.die(NO_MEMORY, "memory");
        const words = this.#lastWords === "" ? "" : ` Its last words: ${this.#lastWords}`;
        this.die(`The process ended with exit code ${code} before the program had ended.${words}`);
      },
      (error: unknown) => this.die(`The process was lost: ${messageOf(error)}`),
    );
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Opens the runtime. Resolves when it is ready for its run; rejects when the process ends before.
   * @param isSpare No run waits: it is to do all that it can before.
   */
  start(isSpare = false): Promise<void> {
    this.#process.write(toOpening({ mark: this.#mark, isSpare }));
    return this.#started.promise;
  }

  send(command: RuntimeCommand): void {
    if (command.type === "run") {
      this.#run = command.run;
      this.#isNode = command.program.language !== "python";
      this.#lines.maxCharacters = lineCharacters(command.limits);
    }
    this.#write(command);
  }

  listen(onMessage: (data: unknown) => void, onDeath: DeathListener): void {
    this.#onMessage = onMessage;
    this.#onDeath = onDeath;
    if (!this.#alive) onDeath("The process had ended before the run began.", "crashed");
  }

  unlisten(): void {
    this.#onMessage = undefined;
    this.#onDeath = undefined;
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#started.reject(new Error("the process was ended"));
    this.#process.kill();
  }

  /** Ends the process, and its run. */
  die(message: string, reason: DeathReason = "crashed"): void {
    if (!this.#alive) return;
    this.#started.reject(new Error(message));
    this.kill();
    this.#onDeath?.(message, reason);
  }

  async #read(): Promise<void> {
    const reader = this.#process.output.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || !this.#alive) return;
        this.#take(value);
      }
    } catch (error) {
      this.die(`The process wrote what is no output of ours: ${messageOf(error)}.`, "security");
    } finally {
      // What a dead process still says is not kept.
      reader.cancel().catch(() => undefined);
    }
  }

  #take(piece: string): void {
    let foreign: string[] = [];
    for (const line of this.#lines.push(piece)) {
      if (!this.#alive) return;
      const message = findMessage(line, this.#mark);
      // The line break in front of a message is part of it; every other empty line is output too.
      if (this.#blank && message === undefined) foreign.push("");
      this.#blank = line === "";
      if (message === undefined) {
        if (!this.#blank) foreign.push(line);
        continue;
      }
      this.#tell(foreign);
      foreign = [];
      this.#uncredited += 1;
      if (this.#uncredited > CREDIT_WINDOW) return this.die("The runtime flooded the page.", "security");
      this.#deliver(message);
    }
    this.#tell(foreign);
    // Not before the whole piece was read: what comes faster than credits can travel is a flood.
    if (this.#alive && this.#uncredited >= CREDIT_GROUP) this.#write();
  }

  /** Output that is no message is what the program, or a child of it, wrote past its `console`: logs. */
  #tell(lines: readonly string[]): void {
    if (lines.length === 0 || !this.#alive) return;
    if (this.#run === "") {
      this.#lastWords = clipText(lines.join("\n"), LAST_WORDS_CHARACTERS);
      return;
    }
    const texts = lines.length > MAX_ENTRIES ? [lines.join("\n")] : lines;
    const logs = texts.map((text): LogEntry => ({ level: "log", text }));
    const turn: RuntimeMessage = { type: "turn", run: this.#run, idle: false, calls: [], logs };
    this.#onMessage?.(JSON.stringify(turn));
  }

  #deliver(message: string): void {
    if (this.#run !== "") return this.#onMessage?.(message);
    const first = parseRuntimeMessage(message);
    if (first.type === "unfit") return this.die(first.message);
    if (first.type !== "ready") throw new Error("a message before it was ready");
    this.#isReady = true;
    this.#started.resolve();
  }

  #write(command?: RuntimeCommand): void {
    const envelope: Envelope<LineCommand> = {
      credits: this.#uncredited,
      ...(command === undefined ? {} : { command: toLineCommand(command) }),
    };
    this.#uncredited = 0;
    this.#process.write(toLine(envelope, this.#mark));
  }
}
