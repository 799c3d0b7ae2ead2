// A second thread beside the program's, which may hold its own for ever: it keeps the program's time and memory, and
// ends the run when they are used up. The program can reach what is shared here; whoever drives the process holds the
// same limits from outside and does not rely on this.

import { Worker } from "node:worker_threads";
import type { LogEntry, RuntimeLimits } from "../protocol/guest-protocol.ts";
import type { Mark } from "../protocol/stdio-lines.ts";
import {
  clock,
  peakResidentBytes,
  residentBytes,
  SHARED,
  SHARED_BYTES,
  type WatchCommand,
} from "./node-shared.ts";
import watcher from "./node-watcher.ts?node";

/** The second thread, seen from the first. */
export class NodeWatch {
  /** What stands before the process's messages. */
  mark: Mark | undefined;
  readonly #shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly #numbers = new Float64Array(this.#shared);
  readonly #integers = new Int32Array(this.#shared);
  #leftMs = 0;
  #memoryBefore = 0;
  #peakBefore = 0;
  #worker: Worker | undefined;

  /** Starts the thread, which takes as long as the process did. Resolves when it runs, or can't. */
  async open(): Promise<void> {
    if (this.#worker !== undefined) return;
    const worker = new Worker(watcher, { eval: true, stdout: true, stderr: true });
    worker.unref();
    // Without it the limits outside hold alone.
    worker.on("error", () => undefined);
    this.#worker = worker;
    await new Promise((resolve) => worker.once("online", resolve).once("exit", resolve));
  }

  begin(run: string, limits: RuntimeLimits): void {
    const { mark } = this;
    if (mark === undefined) throw new Error("A run before its mark.");
    this.#memoryBefore = residentBytes();
    this.#peakBefore = peakResidentBytes();
    this.#leftMs = limits.timeoutMs;
    this.#numbers[SHARED.deadline] = Number.POSITIVE_INFINITY;
    void this.open();
    this.#post({ type: "run", run, mark, limits, shared: this.#shared, memoryBefore: this.#memoryBefore });
  }

  /** The program's time runs from now on. */
  run(): void {
    if (this.#deadline === Number.POSITIVE_INFINITY) this.#numbers[SHARED.deadline] = clock() + this.#leftMs;
  }

  /** It stands still: the program waits for answers. */
  pause(): void {
    if (this.#deadline === Number.POSITIVE_INFINITY) return;
    this.#leftMs = this.#deadline - clock();
    this.#numbers[SHARED.deadline] = Number.POSITIVE_INFINITY;
  }

  /** What the program held when it was looked at last. Bytes. */
  get heldBytes(): number {
    return this.#numbers[SHARED.held] ?? 0;
  }

  log(entry: LogEntry): void {
    this.#post({ type: "log", entry });
  }

  sent(): void {
    this.#post({ type: "sent" });
  }

  /** The most memory that the program held; `undefined` where the second thread has ended the run already. */
  end(): number | undefined {
    if (Atomics.exchange(this.#integers, SHARED.ended, 1) === 1) return undefined;
    const peak = peakResidentBytes();
    // Below an older peak the second thread alone has seen how much it was.
    const most = peak > this.#peakBefore ? peak : residentBytes();
    return Math.max(0, most - this.#memoryBefore, this.#numbers[SHARED.peak] ?? 0);
  }

  get #deadline(): number {
    return this.#numbers[SHARED.deadline] ?? Number.POSITIVE_INFINITY;
  }

  #post(command: WatchCommand): void {
    this.#worker?.postMessage(command);
  }
}
