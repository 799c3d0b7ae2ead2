// What crosses here: what the two threads of a Node process know of each other, the program's and the one that
// watches it. The program may change all of it; whoever is outside of the process checks again.

import { readFileSync } from "node:fs";
import type { LogEntry, RuntimeLimits } from "../protocol/guest-protocol.ts";
import type { Mark } from "../protocol/stdio-lines.ts";

/** Places in what both threads see: numbers of 8 bytes each. */
export const SHARED = {
  /** When the program's time is over, by {@link clock}. Infinite while it waits for answers. */
  deadline: 0,
  /** Bytes that the program holds, and the most that it held. */
  held: 1,
  peak: 2,
  /** Whoever makes it 1 ends the run. As an integer of 4 bytes: place 6 of those. */
  ended: 6,
} as const;

export const SHARED_BYTES = 32;

/** To the second thread. */
export type WatchCommand =
  | {
      readonly type: "run";
      readonly run: string;
      readonly mark: Mark;
      readonly limits: RuntimeLimits;
      readonly shared: SharedArrayBuffer;
      /** What the process held before the program. Bytes. */
      readonly memoryBefore: number;
    }
  /** It was not sent yet: the program goes on. */
  | { readonly type: "log"; readonly entry: LogEntry }
  /** All logs were. */
  | { readonly type: "sent" };

// The program may change these functions later.
const now = performance.now.bind(performance);
const readFile = readFileSync;
export const residentBytes = process.memoryUsage.rss.bind(process.memoryUsage);

/** Milliseconds, the same in all threads of a process. */
export function clock(): number {
  return performance.timeOrigin + now();
}

/** The most that this process ever held, bytes; 0 where the system does not tell. */
export function peakResidentBytes(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFile("/proc/self/status", "utf8")) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
