// One VM is one WebAssembly instance. It is copied from a template that no guest ever touched, serves
// one run, and is dropped: two runs share no byte.

import { type ExtensionDescriptor, type JSValueHandle, QuickJS, type QuickJSOptions } from "quickjs-wasi";
import type { GuestOperation, LogLevel } from "../protocol/guest-protocol.ts";
import { requireLogLevel, requireOperation } from "../protocol/parse-runtime-message.ts";
import { type EntryPoint, type HOST_FUNCTIONS, type VmImage, vmOptions } from "./vm-image.ts";

/** What the prelude asks of this side. Every argument is text or a number of the guest's choosing. */
export interface VmHost {
  /** Starts a call and returns its number. */
  call(operation: GuestOperation, target: string, args: string): number;
  log(level: LogLevel, text: string): void;
  /** The program's promise settled: `returned` with JSON text, or `threw` with JSON text of the error. */
  settle(status: string, json: string): void;
  sleep(ms: number): number;
  wake(timer: number): void;
  random(bytes: number): Uint8Array;
  /** `undefined` for text that is no base64. */
  decodeBytes(base64: string): Uint8Array | undefined;
  encodeBytes(bytes: Uint8Array): string;
  /** Something on this side failed; the run can't go on. */
  fail(error: unknown): void;
}

type HostFunction = (typeof HOST_FUNCTIONS)[number];

/** Memory that the engine takes for itself, so that a guest gets all of its limit. Bytes. */
const ENGINE_BYTES = 2 * 1024 * 1024;

/**
 * Stack of the engine's interpreter. With more, recursion of a guest would overflow the worker's own
 * stack first, which no guest can catch: measured in Chromium 156, where 256 KiB do and 160 KiB don't.
 */
const STACK_BYTES = 160 * 1024;

/** The unit in which the memory of an instance grows. */
const WASM_PAGE_BYTES = 64 * 1024;

/** Makes VMs from one image. */
export class VmTemplate {
  readonly #image: VmImage;
  readonly #options: QuickJSOptions;

  /** `extensions` are those that the image was packed with. */
  constructor(wasm: WebAssembly.Module, extensions: ExtensionDescriptor[], image: VmImage) {
    this.#image = image;
    this.#options = vmOptions(wasm, extensions);
  }

  /** Makes a VM that nothing has run in. */
  async instantiate(): Promise<GuestVm> {
    let onInterrupt = (): boolean => false;
    const vm = await QuickJS.restore(this.#image.snapshot, {
      ...this.#options,
      interruptHandler: () => onInterrupt(),
    });
    this.#image.writeTo(new Uint8Array(vm._getMemory().buffer));
    const engine = vm._getExports();
    engine.qjs_set_interrupt_handler(1);
    engine.qjs_set_max_stack_size(STACK_BYTES);
    return new GuestVm(vm, this.#image.tokens, (handler) => {
      onInterrupt = handler;
    });
  }
}

/** A VM for one run. */
export class GuestVm {
  readonly #vm: QuickJS;
  readonly #tokens: VmImage["tokens"];
  readonly #setInterrupt: (handler: () => boolean) => void;

  constructor(vm: QuickJS, tokens: VmImage["tokens"], setInterrupt: (handler: () => boolean) => void) {
    this.#vm = vm;
    this.#tokens = tokens;
    this.#setInterrupt = setInterrupt;
  }

  /** Memory of the instance, which never shrinks: its size is its peak. Bytes. */
  get memoryBytes(): number {
    return this.#vm._getMemory().buffer.byteLength;
  }

  /** All of that memory, until it grows. */
  get memory(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#vm._getMemory().buffer);
  }

  /** Where the stack of the instance begins now. Bytes. */
  get stackPointer(): number {
    return Number(this.#vm._getExports().__stack_pointer.value);
  }

  /** Makes the memory at least so large. Throws a `RangeError` past the maximum of the module. */
  grow(memoryBytes: number): void {
    const missing = memoryBytes - this.memoryBytes;
    if (missing > 0) this.#vm._getMemory().grow(Math.ceil(missing / WASM_PAGE_BYTES));
  }

  /** Gives the VM to one run. `interrupt` is asked often while the guest runs; `true` stops it for good. */
  adopt(host: VmHost, memoryBytes: number, interrupt: () => boolean): void {
    const vm = this.#vm;
    const text = (handle: JSValueHandle | undefined): string => (handle?.isString ? handle.toString() : "");
    const number = (handle: JSValueHandle | undefined): number => (handle?.isNumber ? handle.toNumber() : 0);
    vm._getExports().qjs_set_memory_limit(memoryBytes + ENGINE_BYTES);
    // A failure of ours must not surface in the guest: it would carry our words into it.
    const register = (
      name: HostFunction,
      answer: (...values: readonly JSValueHandle[]) => JSValueHandle | undefined,
    ): void =>
      vm.registerHostCallback(name, (...values) => {
        try {
          return answer(...values) ?? vm.undefined;
        } catch (error) {
          host.fail(error);
          return vm.undefined;
        }
      });
    const act = (name: HostFunction, action: (...values: readonly JSValueHandle[]) => void): void =>
      register(name, (...values) => {
        action(...values);
        return undefined;
      });
    register("call", (operation, target, args) =>
      vm.newNumber(host.call(requireOperation(text(operation)), text(target), text(args))),
    );
    act("log", (level, line) => host.log(requireLogLevel(text(level)), text(line)));
    act("settle", (status, json) => host.settle(text(status), text(json)));
    register("sleep", (ms) => vm.newNumber(host.sleep(number(ms))));
    act("wake", (timer) => host.wake(number(timer)));
    register("random", (bytes) => vm.newUint8Array(host.random(number(bytes))));
    register("decodeBytes", (base64) => {
      const bytes = host.decodeBytes(text(base64));
      return bytes && vm.newUint8Array(bytes);
    });
    register("encodeBytes", (bytes) => bytes && vm.newString(host.encodeBytes(bytes.toUint8Array())));
    this.#setInterrupt(interrupt);
  }

  /** Evaluates the program and hands its promise to the prelude. Throws what the engine throws. */
  evaluate(source: string, filename: string): void {
    this.#call("watch", [this.#vm.evalCode(source, filename)]);
  }

  /** Calls into the prelude. Throws what the engine throws. */
  enter(entry: Exclude<EntryPoint, "watch">, ...values: readonly (string | number | boolean)[]): void {
    const vm = this.#vm;
    this.#call(
      entry,
      values.map((value) => {
        if (typeof value === "string") return vm.newString(value);
        if (typeof value === "number") return vm.newNumber(value);
        return value ? vm.true : vm.false;
      }),
    );
  }

  #call(entry: EntryPoint, values: readonly JSValueHandle[]): void {
    const entryPoint = this.#vm.importHandle(this.#tokens[entry]);
    this.#vm.callFunction(entryPoint, this.#vm.undefined, ...values).dispose();
    entryPoint.dispose();
    for (const value of values) value.dispose();
  }

  /** Runs one promise job. `false` when none is left; throws when the engine could not run it. */
  step(): boolean {
    const engine = this.#vm._getExports();
    if (engine.qjs_is_job_pending() === 0) return false;
    if (engine.qjs_execute_pending_job() < 0) this.#vm.getException().dispose();
    return true;
  }

  dispose(): void {
    this.#vm.dispose();
  }
}
