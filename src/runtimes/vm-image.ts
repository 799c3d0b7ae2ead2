import { type ExtensionDescriptor, QuickJS, type QuickJSOptions, type Snapshot } from "quickjs-wasi";
import { openSnapshot, packSnapshot } from "../base/wasm-snapshot.ts";

/** Functions that the prelude asks of the runtime. */
export const HOST_FUNCTIONS = [
  "call",
  "log",
  "settle",
  "sleep",
  "wake",
  "random",
  "decodeBytes",
  "encodeBytes",
] as const;

/** The prelude's functions that the runtime calls. */
const ENTRY_POINTS = ["begin", "watch", "deliver", "fire"] as const;
export type EntryPoint = (typeof ENTRY_POINTS)[number];

/** What stands beside the memory in an image: small facts as JSON. */
interface ImageFacts extends Omit<Snapshot, "memory"> {
  readonly memoryBytes: number;
  readonly tokens: Readonly<Record<EntryPoint, number>>;
}

/** A VM that nothing but the prelude has run in, and how to put it into a fresh instance. */
export interface VmImage {
  /** The library's own words for it; it finds no memory to copy there. */
  readonly snapshot: Snapshot;
  readonly tokens: Readonly<Record<EntryPoint, number>>;
  /** Only what a fresh instance does not hold by itself: the untouched pages are never paged in. */
  writeTo(memory: Uint8Array): void;
}

/** Starts an engine, runs the prelude's source in it, and packs what that made of its memory. */
export async function packVmImage(
  wasm: WebAssembly.Module,
  extensions: ExtensionDescriptor[],
  prelude: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const options = vmOptions(wasm, extensions);
  const vm = await QuickJS.create({ ...options, wasi: timelessWasi });
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
  const token = (name: EntryPoint): number => vm.exportHandle(entries.getProp(name));
  const tokens = {
    begin: token("begin"),
    watch: token("watch"),
    deliver: token("deliver"),
    fire: token("fire"),
  };
  vm.runGC();
  const { memory, ...facts } = vm.snapshot();
  vm.dispose();
  const memoryBytes = memory.byteLength;
  const blank = await QuickJS.restore({ ...facts, memory: new UnwrittenMemory(memoryBytes) }, options);
  const before = new Uint8Array(blank._getMemory().buffer);
  const head = JSON.stringify({ ...facts, memoryBytes, tokens } satisfies ImageFacts);
  const image = packSnapshot(
    // Spaces end JSON as well as nothing; the format wants a multiple of four bytes.
    { functions: 0, head: new TextEncoder().encode(head.padEnd(Math.ceil(head.length / 4) * 4)) },
    memory,
    (from, to) => memory.subarray(from, to).some((byte, at) => byte !== before[from + at]),
  );
  blank.dispose();
  return image;
}

/** Opens what {@link packVmImage} packed. The file is ours: it is trusted. */
export function openVmImage(file: ArrayBuffer): VmImage {
  const { head, writeTo } = openSnapshot(file);
  const { memoryBytes, tokens, ...facts }: ImageFacts = JSON.parse(new TextDecoder().decode(head));
  return { snapshot: { ...facts, memory: new UnwrittenMemory(memoryBytes) }, tokens, writeTo };
}

/** How every VM of ours is instantiated. */
export function vmOptions(wasm: WebAssembly.Module, extensions: ExtensionDescriptor[]): QuickJSOptions {
  return { wasm, extensions, wasi: silentWasi, timezoneOffset: 0 };
}

/** Tells the library how large the memory is, and gives it nothing to copy. */
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

/** Nothing by chance: images of one engine and one prelude are equal. A run's random numbers are the prelude's. */
function timelessWasi(memory: WebAssembly.Memory): ReturnType<typeof silentWasi> & {
  clock_time_get(clock: number, precision: bigint, result: number): number;
  random_get(start: number, length: number): number;
} {
  return {
    ...silentWasi(memory),
    clock_time_get(_clock, _precision, result) {
      new DataView(memory.buffer).setBigUint64(result, 0n, true);
      return 0;
    },
    random_get(start, length) {
      new Uint8Array(memory.buffer, start, length).fill(0);
      return 0;
    },
  };
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
