// Runs JavaScript programs, each in a VM of its own. The limits here end most programs politely; the
// page holds the same limits from outside and does not rely on this side.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import type { GuestOperation, LogLevel, NumberedReply, RuntimeOutcome } from "../protocol/guest-protocol.ts";
import { GuestClock } from "./guest-clock.ts";
import { GuestTimers, TOO_MANY_TIMERS } from "./guest-timers.ts";
import { type PreparedProgram, prepareProgram } from "./javascript-program.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, timeExceeded } from "./outbox.ts";
import type { GuestVm, VmHost, VmTemplate } from "./quickjs-vm.ts";
import type { RunCommand, RunLink, Runtime, RuntimeRun } from "./run-server.ts";
import { parseThrown } from "./thrown-error.ts";

/** The VM images that programs are started from. */
export interface VmTemplates {
  /** The language alone: the cheapest to copy. */
  readonly bare: VmTemplate;
  /** With `URL`, `TextEncoder`, `structuredClone` and their like; made when first needed. */
  readonly web: () => Promise<VmTemplate>;
}

/** Globals that only the web image has. A program that names none of them runs in the bare one. */
const WEB_GLOBALS = /\b(?:URL|URLSearchParams|TextEncoder|TextDecoder|structuredClone)\b/;

const TOO_DEEP: RuntimeOutcome = {
  status: "threw",
  error: {
    name: "RangeError",
    kind: "exception",
    message: "Maximum call stack size exceeded",
    hint: "Something recurses or nests too deep.",
  },
};

/** What the engine says when the guest asks for more than there is: its memory, or its longest string. */
const OUT_OF_MEMORY = /^(?:out of memory|string too long|wasm_malloc failed)$/;

/** A runtime that keeps one VM, untouched by any guest, ready for the next run. */
export function createQuickJsRuntime(templates: VmTemplates): Runtime {
  let spare: Promise<GuestVm> | undefined = templates.bare.instantiate();
  const takeVm = async (code: string): Promise<GuestVm> => {
    if (WEB_GLOBALS.test(code)) return (await templates.web()).instantiate();
    const vm = spare ?? templates.bare.instantiate();
    spare = undefined;
    return vm;
  };
  return {
    start(command, link) {
      const run = new QuickJsRun(command, link, () => {
        // Later: the answer of this run goes out first.
        setTimeout(() => {
          spare ??= templates.bare.instantiate();
        }, 0);
      });
      void run.boot(takeVm);
      return run;
    },
  };
}

class QuickJsRun implements RuntimeRun, VmHost {
  readonly #command: RunCommand;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #onEnd: () => void;
  readonly #timers = new GuestTimers();
  readonly #clock: GuestClock;
  #vm: GuestVm | undefined;
  #program: PreparedProgram | undefined;
  #outcome: RuntimeOutcome | undefined;
  #ended = false;
  #lastTimer = 0;

  constructor(command: RunCommand, link: RunLink, onEnd: () => void) {
    this.#command = command;
    this.#link = link;
    this.#onEnd = onEnd;
    this.#clock = new GuestClock(command.limits.timeoutMs, () => this.#end(timeExceeded(command.limits)));
    this.#outbox = new Outbox(command.limits, link, (outcome) => {
      this.#outcome ??= outcome;
    });
    link.onOpen = () => this.#flush(this.#idle());
  }

  async boot(takeVm: (code: string) => Promise<GuestVm>): Promise<void> {
    const { program, limits, namespaces } = this.#command;
    if (program.language === "python") {
      return this.#end({ status: "stopped", reason: "crashed", message: "This runtime runs no Python." });
    }
    const prepared = prepareProgram(program.language, program.code);
    if (!("source" in prepared)) return this.#end({ status: "threw", error: prepared });
    this.#program = prepared;
    try {
      const vm = await takeVm(prepared.source);
      if (this.#ended) return vm.dispose();
      this.#vm = vm;
      vm.adopt(this, limits.memoryBytes, () => this.#interrupt());
    } catch (error) {
      return this.#end({
        status: "stopped",
        reason: "crashed",
        message: `The VM did not start: ${String(error)}`,
      });
    }
    const seed = [...crypto.getRandomValues(new Int32Array(4))];
    this.#turn((vm) => {
      vm.enter("begin", program.inputs, JSON.stringify({ namespaces, seed }));
      vm.evaluate(prepared.source, prepared.filename);
    });
  }

  reply(replies: readonly NumberedReply[]): void {
    if (this.#ended) return;
    this.#turn((vm) => {
      for (const reply of replies) {
        this.#outbox.answered();
        if (reply.ok) vm.enter("deliver", reply.id, true, reply.json, reply.bytes === true);
        else vm.enter("deliver", reply.id, false, JSON.stringify(reply.error), false);
      }
    });
  }

  // What the prelude asks for.

  call(operation: GuestOperation, target: string, args: string): number {
    return this.#outbox.call(operation, target, args);
  }

  log(level: LogLevel, text: string): void {
    this.#outbox.log(level, text);
  }

  settle(status: string, json: string): void {
    if (!this.#outbox.fits(json)) return;
    this.#outcome ??= status === "returned" ? { status: "returned", json } : this.#threw(json);
  }

  sleep(ms: number): number {
    this.#lastTimer += 1;
    const timer = this.#lastTimer;
    const fire = (): void => this.#turn((vm) => vm.enter("fire", timer));
    if (!this.#timers.start(timer, ms, fire)) this.#outcome ??= TOO_MANY_TIMERS;
    return timer;
  }

  wake(timer: number): void {
    this.#timers.cancel(timer);
  }

  random(bytes: number): Uint8Array {
    return crypto.getRandomValues(new Uint8Array(Math.min(Math.max(0, Math.floor(bytes)), 65_536)));
  }

  decodeBytes(base64: string): Uint8Array | undefined {
    try {
      return decodeBase64(base64);
    } catch {
      return undefined;
    }
  }

  encodeBytes(bytes: Uint8Array): string {
    return encodeBase64(bytes);
  }

  fail(error: unknown): void {
    this.#outcome ??= this.#engineFailure(error);
  }

  /** Lets the guest run until it has nothing more to do by itself, then tells the page. */
  #turn(enter: (vm: GuestVm) => void): void {
    const vm = this.#vm;
    if (this.#ended || vm === undefined) return;
    this.#clock.run();
    this.#outbox.begin(performance.now());
    try {
      enter(vm);
      while (this.#outcome === undefined && vm.step()) {
        if (this.#interrupt()) break;
      }
    } catch (error) {
      this.#outcome ??= this.#engineFailure(error);
    }
    if (this.#outcome !== undefined) return this.#end(this.#outcome);
    if (this.#clock.isOver(performance.now())) return this.#end(timeExceeded(this.#command.limits));
    const idle = this.#idle();
    if (!idle && this.#timers.size === 0 && this.#outbox.waiting === 0) {
      return this.#end(this.#nearMemoryLimit() ? memoryExceeded(this.#command.limits) : NEVER_SETTLES);
    }
    if (idle) this.#clock.pause();
    this.#flush(idle);
  }

  /** Whether the guest can only go on when the page answers. */
  #idle(): boolean {
    return this.#timers.size === 0 && this.#outbox.open > 0;
  }

  /** Asked by the engine while the guest runs: `true` ends it. */
  #interrupt(): boolean {
    if (this.#outcome !== undefined) return true;
    const now = performance.now();
    if (this.#clock.isOver(now)) {
      this.#outcome = timeExceeded(this.#command.limits);
      return true;
    }
    this.#outbox.tick(now, this.#vm?.memoryBytes ?? 0);
    return false;
  }

  #flush(idle: boolean): void {
    // A guest that only waits says so too: from then on its own clock stands still.
    if (!this.#ended) this.#outbox.flush(performance.now(), idle);
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    const peakMemoryBytes = this.#vm?.memoryBytes ?? 0;
    this.#dispose();
    this.#link.done(outcome, this.#outbox.takeLogs(), peakMemoryBytes);
    // After the answer is on its way: the next run finds a VM ready.
    this.#onEnd();
  }

  #dispose(): void {
    this.#ended = true;
    this.#clock.pause();
    this.#timers.clear();
    this.#vm?.dispose();
    this.#vm = undefined;
  }

  #threw(json: string): RuntimeOutcome {
    const error = parseThrown(json);
    if (error.name === "InternalError" && OUT_OF_MEMORY.test(error.message))
      return memoryExceeded(this.#command.limits);
    // With no room left even for that error, the engine throws `null`.
    if (error.message === "null" && this.#nearMemoryLimit()) return memoryExceeded(this.#command.limits);
    const place = this.#program?.locate(error.stack ?? "") ?? {};
    const { stack: _, ...rest } = error;
    return { status: "threw", error: { ...rest, ...place } };
  }

  /** Something threw towards us: the engine at the end of its memory, or a fault of ours. */
  #engineFailure(error: unknown): RuntimeOutcome {
    const message = error instanceof Error ? error.message : String(error);
    // Deep nesting in the engine's own code (JSON, regular expressions, the parser) ends on the worker's stack.
    if (error instanceof RangeError) return TOO_DEEP;
    if (OUT_OF_MEMORY.test(message) || this.#nearMemoryLimit()) return memoryExceeded(this.#command.limits);
    return {
      status: "stopped",
      reason: "crashed",
      message: `The engine failed while it ran the program: ${message}`,
    };
  }

  #nearMemoryLimit(): boolean {
    return (this.#vm?.memoryBytes ?? 0) >= this.#command.limits.memoryBytes * 0.9;
  }
}
