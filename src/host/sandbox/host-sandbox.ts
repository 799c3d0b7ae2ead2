import type { Sandbox } from "../../sandbox/sandbox.ts";

/** What one sandbox of the host may use: the place that a program runs in, beside the limits of its run. */
export interface PlaceLimits {
  /** Processor time of all its processes. Seconds. */
  readonly cpuSeconds: number;
  /** Memory of all its processes. Bytes. */
  readonly memoryBytes: number;
  /** What it may write. Bytes. */
  readonly diskBytes: number;
  readonly processes: number;
  /** Files that one process may have open. */
  readonly fileHandles: number;
}

const MIB = 1024 * 1024;

/** What a sandbox of a host may use where nothing else is said. */
export const PLACE_LIMITS: PlaceLimits = {
  cpuSeconds: 30,
  memoryBytes: 512 * MIB,
  diskBytes: 100 * MIB,
  processes: 50,
  fileHandles: 100,
};

/**
 * What stands between a program and the host, the weakest first: nothing but a process; a language's own
 * virtual machine in a process that may do nothing; namespaces and filters of the host's kernel; a kernel of its
 * own in user space; a virtual machine.
 */
export const STRENGTHS = ["none", "language", "container", "kernel", "vm"] as const;

/** What holds a program in, one of {@link STRENGTHS}. */
export type Strength = (typeof STRENGTHS)[number];

/** What a probe looked at: a limit, or one of the two walls that have no number. */
export type Wall = keyof PlaceLimits | "network" | "readOnlyFs";

/** One wall, as a program found it that tried to get past. */
export interface WallCheck {
  readonly wall: Wall;
  readonly held: boolean;
  /** What the program saw, for people. One line. */
  readonly seen: string;
}

/** Whether a sandbox can be used on this machine, found out by running something in it. */
export type SandboxProbe =
  | { readonly usable: true; readonly strength: Strength; readonly walls: readonly WallCheck[] }
  | {
      readonly usable: false;
      /** What is missing, for people. One line. */
      readonly reason: string;
      /** What to do about it. */
      readonly hint: string;
      readonly walls: readonly WallCheck[];
    };

/** A sandbox on the host. It refuses to start where a wall that it declares does not stand. */
export interface HostSandbox extends Sandbox {
  readonly strength: Strength;
  /** Runs something, and remembers what it saw; a device that exists, or an engine that answers, is not enough. Never rejects. */
  probe(): Promise<SandboxProbe>;
}
