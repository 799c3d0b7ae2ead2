// What runs in a Node process of its own, beside one program: commands come in as lines on standard
// input, messages go out as lines on standard output. The commands are trusted; what this writes is
// checked again by whoever reads it, because the program can write to the same stream.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import type { RuntimeMessage } from "../protocol/guest-protocol.ts";
import { findMessage, LineSplitter, type Mark, requireMark, toLine } from "../protocol/stdio-lines.ts";
import { prepareProgram } from "./javascript-program.ts";
import { runGuestThread } from "./node-guest.ts";
import { startNodeRun } from "./node-run.ts";
import type { ThreadReady } from "./node-thread.ts";
import { createRunServer } from "./run-server.ts";

if (isMainThread) serveStdio();
else if (parentPort !== null) runGuestThread(parentPort);

/** Serves one run, then ends the process. The second argument is the most that the program's heap may hold. MiB. */
function serveStdio(): void {
  // The thread is there before the program is, which then waits for nothing.
  const [, script = "", heapMib] = process.argv;
  const resourceLimits = heapMib === undefined ? {} : { maxOldGenerationSizeMb: Number(heapMib) };
  const guest = new Worker(script, { resourceLimits });
  const guestReady = new Promise<void>((resolve, reject) => {
    guest.once("message", ({ type }: ThreadReady) => {
      if (type === "ready") resolve();
    });
    guest.once("error", reject);
    guest.once("exit", (code) => reject(new Error(`The program's thread ended with exit code ${code}.`)));
  });
  // The parser is compiled meanwhile.
  prepareProgram("typescript", "0");
  let mark: Mark | undefined;
  const post = (message: RuntimeMessage): void => {
    if (mark === undefined) return;
    // The process serves one run and ends with it.
    const then = message.type === "done" ? () => process.exit() : undefined;
    process.stdout.write(toLine(message, mark), then);
  };
  const receive = createRunServer(post, { start: (command, link) => startNodeRun(command, guest, link) });

  // A terminal would echo the commands, and cut and change long lines.
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  const lines = new LineSplitter(Number.POSITIVE_INFINITY);
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (piece: string) => {
    for (const line of lines.push(piece)) {
      if (mark === undefined) {
        mark = requireMark(line);
        void guestReady.then(() => post({ type: "ready" }));
        continue;
      }
      const json = findMessage(line, mark);
      if (json !== undefined) receive(JSON.parse(json));
    }
  });
  // Nobody drives it any more.
  process.stdin.on("end", () => process.exit());
}
