// Runs JavaScript programs, each in a VM of its own. The limits here end most programs politely; the
// page holds the same limits from outside and does not rely on this side.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import {
  type GuestOperation,
  type LogLevel,
  NO_INSTANCE,
  type NumberedReply,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import type { PreparedProgram } from "../protocol/prepared-program.ts";
import { compressVm, type FrozenFacts, openFrozenVm, packVm } from "./frozen-vm.ts";
import { GuestClock } from "./guest-clock.ts";
import { GuestTimers, TOO_MANY_TIMERS } from "./guest-timers.ts";
import { memoryExceeded, NEVER_SETTLES, Outbox, type OutboxState, timeExceeded } from "./outbox.ts";
import { locateInProgram } from "./program-places.ts";
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

/** What outlives a run has no calls: nobody would answer them. */
const NO_CALLS: OutboxState = { sent: [], waiting: [], callCount: 0, outputBytes: 0 };

/** What the engine says when the guest asks for more than there is: its memory, or its longest string. */
const OUT_OF_MEMORY = /^(?:out of memory|string too long|wasm_malloc failed)$/;

/** A runtime that keeps one VM, untouched by any guest, ready for the next run. */
export function createQuickJsRuntime(templates: VmTemplates): Runtime {
  let spare: Promise<GuestVm> | undefined = templates.bare.instantiate();
  const vms: VmSource = {
    web: templates.web,
    templateFor: async (source) => (WEB_GLOBALS.test(source) ? templates.web() : templates.bare),
    async take(template) {
      const ready = template === templates.bare ? spare : undefined;
      if (ready !== undefined) spare = undefined;
      return ready ?? template.instantiate();
    },
    giveBack(template, vm) {
      if (template === templates.bare && spare === undefined) spare = Promise.resolve(vm);
      else vm.dispose();
    },
  };
  return {
    start(command, link) {
      const run = new QuickJsRun(command, link, vms, () => {
        // Later: the answer of this run goes out first.
        setTimeout(() => {
          spare ??= templates.bare.instantiate();
        }, 0);
      });
      void run.boot();
      return run;
    },
  };
}

/** Where runs get their VMs from. */
interface VmSource {
  web(): Promise<VmTemplate>;
  templateFor(source: string): Promise<VmTemplate>;
  /** An untouched VM of this image. */
  take(template: VmTemplate): Promise<GuestVm>;
  /** Takes back a VM that was only looked at. */
  giveBack(template: VmTemplate, vm: GuestVm): void;
}

class QuickJsRun implements RuntimeRun, VmHost {
  readonly #command: RunCommand;
  readonly #link: RunLink;
  readonly #outbox: Outbox;
  readonly #onEnd: () => void;
  readonly #timers = new GuestTimers();
  readonly #clock: GuestClock;
  readonly #vms: VmSource;
  #template: VmTemplate | undefined;
  #vm: GuestVm | undefined;
  /** Came before the VM was ready: a program that goes on has calls that are answered already. */
  readonly #early: NumberedReply[] = [];
  /** How often the guest was let run. */
  #turns = 0;
  #outcome: RuntimeOutcome | undefined;
  /** The engine itself threw: nobody knows what state it is in. */
  #failed = false;
  #ended = false;
  #lastTimer = 0;

  constructor(command: RunCommand, link: RunLink, vms: VmSource, onEnd: () => void) {
    this.#command = command;
    this.#link = link;
    this.#vms = vms;
    this.#onEnd = onEnd;
    const { limits, thaw } = command;
    const leftMs = limits.timeoutMs - (thaw?.usedMs ?? 0);
    this.#clock = new GuestClock(leftMs, () => this.#end(timeExceeded(limits)));
    this.#outbox = new Outbox(command.limits, link, (outcome) => {
      this.#outcome ??= outcome;
    });
    link.onOpen = () => this.#flush(this.#idle());
  }

  async boot(): Promise<void> {
    const { program, limits, thaw, globals } = this.#command;
    const { prepared } = program;
    if (prepared === undefined) {
      return this.#end({ status: "stopped", reason: "crashed", message: "The program was not parsed." });
    }
    try {
      // What one program leaves, each later one must find in an image of the same kind.
      const template = await (globals === undefined
        ? this.#vms.templateFor(prepared.source)
        : this.#vms.web());
      this.#template = template;
      const snapshot = thaw?.snapshot ?? globals?.snapshot;
      const frozen = snapshot && (await openFrozenVm(snapshot, limits));
      if (snapshot !== undefined && frozen === undefined) return this.#end(memoryExceeded(limits));
      const vm = await this.#vms.take(template);
      if (this.#ended) return vm.dispose();
      // Before anything else touches it: the image's own memory is written over.
      frozen?.writeTo(vm);
      this.#vm = vm;
      vm.adopt(this, limits.memoryBytes, () => this.#interrupt());
      if (frozen !== undefined) this.#lastTimer = frozen.facts.lastTimer;
      if (frozen === undefined || thaw === undefined) this.#begin(prepared);
      else this.#goOn(frozen.facts);
    } catch (error) {
      const message = `${NO_INSTANCE}: ${String(error)}`;
      return this.#end({ status: "stopped", reason: "crashed", message });
    }
  }

  #begin({ source, filename }: PreparedProgram): void {
    const { program, namespaces } = this.#command;
    const seed = [...crypto.getRandomValues(new Int32Array(4))];
    this.#turn((vm) => {
      vm.enter("begin", program.inputs, JSON.stringify({ namespaces, seed }));
      vm.evaluate(source, filename);
    });
  }

  #goOn({ outbox }: FrozenFacts): void {
    this.#outbox.thaw(outbox);
    this.reply(this.#early.splice(0));
  }

  reply(replies: readonly NumberedReply[]): void {
    if (this.#ended) return;
    if (this.#vm === undefined) {
      this.#early.push(...replies);
      return;
    }
    this.#turn((vm) => {
      for (const reply of replies) {
        this.#outbox.answered(reply.id);
        if (reply.ok) vm.enter("deliver", reply.id, true, reply.json, reply.bytes === true);
        else vm.enter("deliver", reply.id, false, JSON.stringify(reply.error), false);
      }
    });
  }

  async freeze(held: readonly number[] | undefined): Promise<void> {
    if (this.#ended) return this.#handOver();
    const [vm, template, outbox] = [this.#vm, this.#template, this.#outbox.freeze()];
    if (vm === undefined || template === undefined || outbox === undefined || !this.#idle()) {
      return this.#link.unfrozen("busy");
    }
    const { sent } = outbox;
    if (held !== undefined && (held.length !== sent.length || !held.every((id) => sent.includes(id)))) {
      return this.#link.unfrozen("calls");
    }
    const turns = this.#turns;
    const moved = (): boolean => this.#ended || this.#turns !== turns;
    try {
      const untouched = await this.#vms.take(template);
      const file = moved() ? undefined : packVm(vm, untouched, { outbox, lastTimer: this.#lastTimer });
      this.#vms.giveBack(template, untouched);
      const snapshot = file && (await compressVm(file, this.#command.limits));
      // Whoever is asked while the guest goes on has nothing to tell: the next rest is another one.
      if (this.#ended) return;
      if (moved()) return this.#link.unfrozen("busy");
      if (snapshot === undefined) return this.#link.unfrozen("size");
      const peakMemoryBytes = vm.memoryBytes;
      if (held !== undefined) this.#dispose();
      this.#link.frozen(
        { snapshot: encodeBase64(snapshot), open: sent, peakMemoryBytes },
        held !== undefined,
      );
      if (held !== undefined) this.#onEnd();
    } catch {
      // There is no room for a second instance: the guest itself is unharmed.
      if (!this.#ended) this.#link.unfrozen("size");
    }
  }

  /** Gives away what the program left, when the run has ended already. */
  async #handOver(): Promise<void> {
    const [vm, template] = [this.#vm, this.#template];
    this.#vm = undefined;
    try {
      if (vm === undefined || template === undefined) return this.#link.unfrozen("busy");
      const untouched = await this.#vms.take(template);
      const file = packVm(vm, untouched, { outbox: NO_CALLS, lastTimer: this.#lastTimer });
      this.#vms.giveBack(template, untouched);
      const snapshot = await compressVm(file, this.#command.limits);
      if (snapshot === undefined) this.#link.unfrozen("size");
      else
        this.#link.frozen(
          { snapshot: encodeBase64(snapshot), open: [], peakMemoryBytes: vm.memoryBytes },
          true,
        );
    } catch {
      this.#link.unfrozen("busy");
    } finally {
      vm?.dispose();
      this.#onEnd();
    }
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
    this.#turns += 1;
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
    const waits = this.#command.globals !== undefined && outcome.status !== "stopped";
    this.#stop();
    if (!waits || this.#failed) this.#dispose();
    this.#link.done(outcome, this.#outbox.takeLogs(), peakMemoryBytes, waits);
    // After the answer is on its way: the next run finds a VM ready.
    if (!waits) this.#onEnd();
  }

  #stop(): void {
    this.#ended = true;
    this.#clock.pause();
    this.#timers.clear();
  }

  #dispose(): void {
    this.#stop();
    this.#vm?.dispose();
    this.#vm = undefined;
  }

  #threw(json: string): RuntimeOutcome {
    const error = parseThrown(json);
    if (error.name === "InternalError" && OUT_OF_MEMORY.test(error.message))
      return memoryExceeded(this.#command.limits);
    // With no room left even for that error, the engine throws `null`.
    if (error.message === "null" && this.#nearMemoryLimit()) return memoryExceeded(this.#command.limits);
    const { prepared } = this.#command.program;
    const place = prepared === undefined ? {} : locateInProgram(error.stack ?? "", prepared);
    const { stack: _, ...rest } = error;
    return { status: "threw", error: { ...rest, ...place } };
  }

  /** Something threw towards us: the engine at the end of its memory, or a fault of ours. */
  #engineFailure(error: unknown): RuntimeOutcome {
    this.#failed = true;
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
