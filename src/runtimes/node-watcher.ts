// The second thread of `node-watch.ts`.

import { writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { hasCode } from "../base/errors.ts";
import {
  type LogEntry,
  NODE_RUNTIME_BYTES,
  type RuntimeMessage,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";
import { toLine } from "../protocol/stdio-lines.ts";
import { clock, residentBytes, SHARED, type WatchCommand } from "./node-shared.ts";
import { memoryExceeded, timeExceeded } from "./outbox.ts";

/** How often the program's time and memory are looked at. Milliseconds. */
const LOOK_MS = 20;

const STDOUT = 1;

let logs: LogEntry[] = [];

parentPort?.on("message", (command: WatchCommand) => {
  if (command.type === "run") watch(command);
  else if (command.type === "log") logs.push(command.entry);
  else logs = [];
});

function watch({ run, mark, limits, shared, memoryBefore }: Extract<WatchCommand, { type: "run" }>): void {
  const numbers = new Float64Array(shared);
  const integers = new Int32Array(shared);
  const end = (outcome: RuntimeOutcome): void => {
    clearInterval(looking);
    if (Atomics.exchange(integers, SHARED.ended, 1) === 1) return;
    const peakMemoryBytes = numbers[SHARED.peak] ?? 0;
    const done: RuntimeMessage = { type: "done", run, outcome, logs, peakMemoryBytes };
    write(Buffer.from(toLine(done, mark)));
    // The program goes on, and its thread may hear nobody, not even that whoever drives the process is gone.
    process.kill(process.pid, "SIGKILL");
  };
  const look = (): void => {
    const held = Math.max(0, residentBytes() - memoryBefore);
    numbers[SHARED.held] = held;
    numbers[SHARED.peak] = Math.max(held, numbers[SHARED.peak] ?? 0);
    if (held > limits.memoryBytes + NODE_RUNTIME_BYTES) return end(memoryExceeded(limits));
    if (clock() > (numbers[SHARED.deadline] ?? 0)) end(timeExceeded(limits));
  };
  const looking = setInterval(look, LOOK_MS);
}

/** Writes all of it, though the stream may be full. */
function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
    }
  }
}
