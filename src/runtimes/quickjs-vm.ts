// One VM is one WebAssembly instance. It is copied from a template that no guest ever touched, serves
// one run, and is dropped: two runs share no byte.

import {
  type ExtensionDescriptor,
  type JSValueHandle,
  QuickJS,
  type QuickJSOptions,
  type Snapshot,
} from "quickjs-wasi";
import {
  type GuestOperation,
  type LogLevel,
  requireLogLevel,
  requireOperation,
} from "../protocol/guest-protocol.ts";
import prelude from "./guest-prelude.js?raw";

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

const HOST_FUNCTIONS = [
  "call",
  "log",
  "settle",
  "sleep",
  "wake",
  "random",
  "decodeBytes",
  "encodeBytes",
] as const;
type HostFunction = (typeof HOST_FUNCTIONS)[number];

/** The prelude's functions that this side calls. */
const ENTRY_POINTS = ["begin", "watch", "deliver", "fire"] as const;
type EntryPoint = (typeof ENTRY_POINTS)[number];

/** Memory that the engine takes for itself, so that a guest gets all of its limit. Bytes. */
const ENGINE_BYTES = 2 * 1024 * 1024;

/**
 * Stack of the engine's interpreter. With more, recursion of a guest would overflow the worker's own
 * stack first, which no guest can catch: measured in Chromium 156, where 256 KiB do and 160 KiB don't.
 */
const STACK_BYTES = 160 * 1024;

/** A prepared VM image: the engine, its extensions and the prelude, before any guest. */
export class VmTemplate {
  readonly #snapshot: Snapshot;
  readonly #options: QuickJSOptions;
  readonly #tokens: ReadonlyMap<EntryPoint, number>;
  readonly #patches: readonly Patch[];

  private constructor(
    snapshot: Snapshot,
    options: QuickJSOptions,
    tokens: ReadonlyMap<EntryPoint, number>,
    patches: readonly Patch[],
  ) {
    this.#snapshot = snapshot;
    this.#options = options;
    this.#tokens = tokens;
    this.#patches = patches;
  }

  static async create(wasm: WebAssembly.Module, extensions: ExtensionDescriptor[]): Promise<VmTemplate> {
    const options: QuickJSOptions = { wasm, extensions, wasi: silentWasi, timezoneOffset: 0 };
    const vm = await QuickJS.create(options);
    const host = vm.newObject();
    for (const name of HOST_FUNCTIONS)
      host.setProp(
        name,
        vm.newFunction(name, () => vm.undefined),
      );
    // A script, not a module: evaluated, it gives the function.
    const script = `(() => {${prelude.replace(/^export /m, "")}\nreturn install;\n})()`;
    const install = vm.evalCode(script, "prelude.js");
    const entries = vm.callFunction(install, vm.undefined, host);
    const tokens = new Map(ENTRY_POINTS.map((name) => [name, vm.exportHandle(entries.getProp(name))]));
    vm.runGC();
    const image = vm.snapshot();
    vm.dispose();
    const snapshot = { ...image, memory: new UnwrittenMemory(image.memory.byteLength) };
    const blank = await QuickJS.restore(snapshot, options);
    const patches = findPatches(new Uint8Array(blank._getMemory().buffer), image.memory);
    blank.dispose();
    return new VmTemplate(snapshot, options, tokens, patches);
  }

  /** Makes a VM that nothing has run in. */
  async instantiate(): Promise<GuestVm> {
    let onInterrupt = (): boolean => false;
    const vm = await QuickJS.restore(this.#snapshot, {
      ...this.#options,
      interruptHandler: () => onInterrupt(),
    });
    const memory = new Uint8Array(vm._getMemory().buffer);
    for (const { offset, bytes } of this.#patches) memory.set(bytes, offset);
    const engine = vm._getExports();
    engine.qjs_set_interrupt_handler(1);
    engine.qjs_set_max_stack_size(STACK_BYTES);
    return new GuestVm(vm, this.#tokens, (handler) => {
      onInterrupt = handler;
    });
  }
}

/** Bytes of the image that a fresh instance does not hold by itself. */
interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const PATCH_BYTES = 512;

/**
 * Most of an image is zeros, or data that the module brings along. Writing only the rest leaves the
 * other pages untouched: half the time of a whole copy, measured in Chromium 156.
 */
function findPatches(blank: Uint8Array, image: Uint8Array): readonly Patch[] {
  const patches: Patch[] = [];
  let start: number | undefined;
  for (let offset = 0; offset <= image.length; offset += PATCH_BYTES) {
    const end = Math.min(offset + PATCH_BYTES, image.length);
    const differs = image.subarray(offset, end).some((byte, at) => byte !== blank[offset + at]);
    if (differs) start ??= offset;
    else if (start !== undefined) {
      patches.push({ offset: start, bytes: image.slice(start, offset) });
      start = undefined;
    }
  }
  return patches;
}

/** Tells the library how large the memory is, and gives it nothing to copy: the patches follow. */
class UnwrittenMemory extends Uint8Array {
  readonly #size: number;

  constructor(size: number) {
    super(0);
    this.#size = size;
  }

  override get byteLength(): number {
    return this.#size;
  }
}

/** The engine prints its own troubles to stderr; a guest's run has no such place. */
function silentWasi(memory: WebAssembly.Memory): {
  fd_write(fd: number, iovs: number, count: number, written: number): number;
} {
  return {
    fd_write(_fd, _iovs, _count, written) {
      new DataView(memory.buffer).setUint32(written, 0, true);
      return 0;
    },
  };
}

/** A VM for one run. */
export class GuestVm {
  readonly #vm: QuickJS;
  readonly #tokens: ReadonlyMap<EntryPoint, number>;
  readonly #setInterrupt: (handler: () => boolean) => void;

  constructor(
    vm: QuickJS,
    tokens: ReadonlyMap<EntryPoint, number>,
    setInterrupt: (handler: () => boolean) => void,
  ) {
    this.#vm = vm;
    this.#tokens = tokens;
    this.#setInterrupt = setInterrupt;
  }

  /** Memory of the instance, which never shrinks: its size is its peak. Bytes. */
  get memoryBytes(): number {
    return this.#vm._getMemory().buffer.byteLength;
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
    const token = this.#tokens.get(entry);
    if (token === undefined) return;
    const entryPoint = this.#vm.importHandle(token);
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
