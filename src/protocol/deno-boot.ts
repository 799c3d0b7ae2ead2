import type { Program } from "./guest-protocol.ts";

/** What a Deno process finds on standard input before anything else: this head as a line of JSON, then the parts, in order. */
export interface BootHead {
  /** Length of the worker's script. Bytes. */
  readonly script: number;
  /** Lengths of WebAssembly modules, by name. Bytes. */
  readonly modules: Readonly<Record<string, number>>;
  /** Lengths of files, by name. Bytes. */
  readonly files: Readonly<Record<string, number>>;
  /**
   * Programs of ours that are run and forgotten before the process says that it is ready: engines compile what
   * every program needs when it is first needed, and the first program of somebody else would wait for that.
   */
  readonly warmUp: readonly Program[];
  /** The most memory of the process. Bytes. */
  readonly maxMemoryBytes: number;
  /** The most processor time of the process. Seconds. */
  readonly maxCpuSeconds: number;
}

/** Longest line of a head. Bytes. */
export const MAX_HEAD_BYTES = 4_096;
