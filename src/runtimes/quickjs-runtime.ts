// Runs JavaScript programs, each in a VM of its own. The limits here end most programs politely; the
// page holds the same limits from outside and does not rely on this side.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { textBytes } from "../base/text.ts";
import {
  type GuestCall,
  type GuestOperation,
  LOG_ENTRY_BYTES,
  type LogEntry,
  type LogLevel,
  MAX_TARGET_CHARACTERS,
  type NumberedReply,
  type ProgramError,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import { type PreparedProgram, prepareProgram } from "./javascript-program.ts";
import type { GuestVm, VmHost, VmTemplate } from "./quickjs-vm.ts";
import type { RunCommand, RunLink, Runtime, RuntimeRun } from "./serve.ts";

/** The VM images that programs are started from. */
export interface VmTemplates {
  /** The language alone: the cheapest to copy. */
  readonly bare: VmTemplate;
  /** With `URL`, `TextEncoder`, `structuredClone` and their like; made when first needed. */
  readonly web: () => Promise<VmTemplate>;
}

/** Globals that only the web image has. A program that names none of them runs in the bare one. */
const WEB_GLOBALS = /\b(?:URL|URLSearchParams|TextEncoder|TextDecoder|structuredClone)\b/;

/** Calls and logs wait this long for company before they are sent while the guest computes on. Milliseconds. */
const FLUSH_MS = 5;

/** Logs alone are sent this often while the guest computes. Milliseconds. */
const LOGS_MS = 100;

/** Logs that grow past this are sent sooner. Bytes. */
const FLUSH_BYTES = 64 * 1024;

/** Timers that may wait at one time. */
const MAX_TIMERS = 1_000;

const NEVER_SETTLES: RuntimeOutcome = {
  status: "threw",
  error: {
    name: "Error",
    kind: "never_settles",
    message: "The program waits for a promise that nothing can settle any more.",
    hint: "Look for an await on a promise whose resolve function is never called.",
  },
};

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
  readonly #onEnd: () => void;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #vm: GuestVm | undefined;
  #program: PreparedProgram | undefined;
  #outcome: RuntimeOutcome | undefined;
  #ended = false;
  #waiting: GuestCall[] = [];
  #waitingBytes = 0;
  #logs: LogEntry[] = [];
  #outputBytes = 0;
  #logBytes = 0;
  #callCount = 0;
  #inFlight = 0;
  #lastTimer = 0;
  #guestMsLeft: number;
  #turnStarted = 0;
  #lastFlush = 0;
  /** When the guest went to sleep on its own time, its timers running. */
  #asleepSince: number | undefined;
  #alarm: ReturnType<typeof setTimeout> | undefined;

  constructor(command: RunCommand, link: RunLink, onEnd: () => void) {
    this.#command = command;
    this.#link = link;
    this.#onEnd = onEnd;
    this.#guestMsLeft = command.limits.timeoutMs;
    link.onOpen = () => this.#flush(this.#idle());
  }

  async boot(takeVm: (code: string) => Promise<GuestVm>): Promise<void> {
    const { program, limits, namespaces } = this.#command;
    this.#turnStarted = performance.now();
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
        this.#inFlight -= 1;
        if (reply.ok) vm.enter("deliver", reply.id, true, reply.json, reply.bytes === true);
        else vm.enter("deliver", reply.id, false, JSON.stringify(reply.error), false);
      }
    });
  }

  // What the prelude asks for.

  call(operation: GuestOperation, target: string, args: string): number {
    const { maxToolCalls, maxMessageBytes, memoryBytes } = this.#command.limits;
    const bytes = textBytes(args);
    this.#callCount += 1;
    const id = this.#callCount;
    if (id > maxToolCalls) {
      this.#stopped("tool_calls", `The program made more than ${maxToolCalls} calls.`);
    } else if (bytes > maxMessageBytes || target.length > MAX_TARGET_CHARACTERS) {
      this.#stopped("output", `A call's arguments exceed ${maxMessageBytes} bytes.`);
    } else if (this.#waitingBytes + bytes > memoryBytes) {
      // What waits here lies outside the engine's memory and counts as the guest's all the same.
      this.#outcome ??= this.#memory();
    } else {
      this.#waitingBytes += bytes;
      this.#waiting.push({ id, operation, target, args });
    }
    return id;
  }

  log(level: LogLevel, text: string): void {
    const bytes = textBytes(text) + LOG_ENTRY_BYTES;
    this.#outputBytes += bytes;
    if (this.#outputBytes > this.#command.limits.maxOutputBytes) {
      return this.#stopped("output", `The logs exceed ${this.#command.limits.maxOutputBytes} bytes.`);
    }
    this.#logBytes += bytes;
    this.#logs.push({ level, text });
  }

  settle(status: string, json: string): void {
    const { maxOutputBytes } = this.#command.limits;
    if (this.#outputBytes + textBytes(json) > maxOutputBytes) {
      return this.#stopped("output", `The value and the logs exceed ${maxOutputBytes} bytes.`);
    }
    this.#outcome ??= status === "returned" ? { status: "returned", json } : this.#threw(json);
  }

  sleep(ms: number): number {
    this.#lastTimer += 1;
    const timer = this.#lastTimer;
    if (this.#timers.size >= MAX_TIMERS) {
      this.#stopped("tool_calls", `The program has more than ${MAX_TIMERS} timers waiting.`);
      return timer;
    }
    const fire = (): void => {
      this.#timers.delete(timer);
      this.#turn((vm) => vm.enter("fire", timer));
    };
    this.#timers.set(timer, setTimeout(fire, Math.min(ms, 2 ** 31 - 1)));
    return timer;
  }

  wake(timer: number): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
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
    const now = performance.now();
    clearTimeout(this.#alarm);
    if (this.#asleepSince !== undefined) this.#guestMsLeft -= now - this.#asleepSince;
    this.#asleepSince = undefined;
    this.#turnStarted = now;
    this.#lastFlush = now;
    try {
      enter(vm);
      while (this.#outcome === undefined && vm.step()) {
        if (this.#interrupt()) break;
      }
    } catch (error) {
      this.#outcome ??= this.#engineFailure(error);
    }
    this.#guestMsLeft -= performance.now() - now;
    if (this.#outcome !== undefined) return this.#end(this.#outcome);
    if (this.#guestMsLeft <= 0) return this.#end(this.#timeout());
    const idle = this.#idle();
    if (!idle && this.#timers.size === 0 && this.#waiting.length === 0) {
      return this.#end(this.#nearMemoryLimit() ? this.#memory() : NEVER_SETTLES);
    }
    this.#flush(idle);
    if (idle) return;
    this.#asleepSince = performance.now();
    this.#alarm = setTimeout(() => this.#end(this.#timeout()), this.#guestMsLeft);
  }

  /** Whether the guest can only go on when the page answers. */
  #idle(): boolean {
    return this.#timers.size === 0 && this.#inFlight + this.#waiting.length > 0;
  }

  /** Asked by the engine while the guest runs: `true` ends it. */
  #interrupt(): boolean {
    if (this.#outcome !== undefined) return true;
    const now = performance.now();
    if (now - this.#turnStarted > this.#guestMsLeft) {
      this.#outcome = this.#timeout();
      return true;
    }
    const passed = now - this.#lastFlush;
    const urgent = this.#waiting.length > 0 || this.#logBytes > FLUSH_BYTES;
    if (passed > FLUSH_MS && (urgent || passed > LOGS_MS)) {
      this.#lastFlush = now;
      this.#flush(false);
    }
    return false;
  }

  #flush(idle: boolean): void {
    // A guest that only waits says so too: from then on its own clock stands still.
    for (let said = !idle; !this.#ended && this.#link.open; said = true) {
      const calls = this.#takeCalls();
      const logs = this.#logs;
      if (calls.length === 0 && logs.length === 0 && said) return;
      this.#logs = [];
      this.#logBytes = 0;
      this.#link.turn(idle, calls, logs);
    }
  }

  /** The waiting calls that may go now, as many as one message holds. */
  #takeCalls(): readonly GuestCall[] {
    const { maxToolCallsInFlight, maxMessageBytes } = this.#command.limits;
    const calls: GuestCall[] = [];
    for (let bytes = 0; this.#inFlight < maxToolCallsInFlight; this.#inFlight += 1) {
      const [call] = this.#waiting;
      if (call === undefined) break;
      const size = textBytes(call.args);
      if (calls.length > 0 && bytes + size > maxMessageBytes) break;
      bytes += size;
      this.#waitingBytes -= size;
      calls.push(call);
      this.#waiting.shift();
    }
    return calls;
  }

  #end(outcome: RuntimeOutcome): void {
    if (this.#ended) return;
    const peakMemoryBytes = this.#vm?.memoryBytes ?? 0;
    this.#dispose();
    this.#link.done(outcome, this.#logs, peakMemoryBytes);
    // After the answer is on its way: the next run finds a VM ready.
    this.#onEnd();
  }

  #dispose(): void {
    this.#ended = true;
    clearTimeout(this.#alarm);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#vm?.dispose();
    this.#vm = undefined;
  }

  #stopped(reason: "output" | "tool_calls", message: string): void {
    this.#outcome ??= { status: "stopped", reason, message };
  }

  #timeout(): RuntimeOutcome {
    const message = `The program ran longer than ${this.#command.limits.timeoutMs} ms.`;
    return { status: "stopped", reason: "timeout", message };
  }

  #memory(): RuntimeOutcome {
    const mebibytes = Math.round(this.#command.limits.memoryBytes / 1024 / 1024);
    return {
      status: "stopped",
      reason: "memory",
      message: `The program needs more than ${mebibytes} MiB of memory.`,
    };
  }

  #threw(json: string): RuntimeOutcome {
    const error = parseThrown(json);
    if (error.name === "InternalError" && OUT_OF_MEMORY.test(error.message)) return this.#memory();
    // With no room left even for that error, the engine throws `null`.
    if (error.message === "null" && this.#nearMemoryLimit()) return this.#memory();
    const place = this.#program?.locate(error.stack ?? "") ?? {};
    const { stack: _, ...rest } = error;
    return { status: "threw", error: { ...rest, ...place } };
  }

  /** Something threw towards us: the engine at the end of its memory, or a fault of ours. */
  #engineFailure(error: unknown): RuntimeOutcome {
    const message = error instanceof Error ? error.message : String(error);
    // Deep nesting in the engine's own code (JSON, regular expressions, the parser) ends on the worker's stack.
    if (error instanceof RangeError) return TOO_DEEP;
    if (OUT_OF_MEMORY.test(message) || this.#nearMemoryLimit()) return this.#memory();
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

function parseThrown(json: string): ProgramError {
  const error: unknown = JSON.parse(json);
  const field = (key: string): string | undefined => {
    const value = typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined;
    return typeof value === "string" ? value : undefined;
  };
  const [stack, hint] = [field("stack"), field("hint")];
  return {
    name: field("name") ?? "Error",
    message: field("message") ?? "",
    kind: field("kind") ?? "exception",
    ...(stack === undefined ? {} : { stack }),
    ...(hint === undefined ? {} : { hint }),
  };
}
