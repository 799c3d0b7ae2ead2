// What runs in a Node process of its own, beside one program: commands come in as lines on standard
// input, messages go out as lines on standard output. The commands are trusted; what this writes is
// checked again by whoever reads it, because the program can write to the same stream.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import {
  CREDIT_WINDOW,
  type Envelope,
  type RuntimeCommand,
  type RuntimeMessage,
} from "../protocol/guest-protocol.ts";
import { findMessage, LineSplitter, toLine } from "../protocol/stdio-lines.ts";
import { runGuestThread } from "./node-guest.ts";
import { startNodeRun } from "./node-run.ts";
import type { RunCommand, RunLink, RuntimeRun } from "./serve.ts";

if (isMainThread) serveStdio();
else if (parentPort !== null) runGuestThread(parentPort);

/** Serves one run, then ends the process. */
function serveStdio(): void {
  // The thread is there before the program is, which then waits for nothing.
  const guest = new Worker(process.argv[1] ?? "");
  const write = (message: RuntimeMessage, then?: () => void): void => {
    process.stdout.write(toLine(message), then);
  };
  let current: { readonly id: string; readonly run: RuntimeRun; readonly link: RunLink } | undefined;
  // The first credit is for the message that says this process is ready.
  let unacknowledged = 1;

  const start = (command: RunCommand): void => {
    const link: RunLink = {
      get open() {
        return unacknowledged < CREDIT_WINDOW - 1;
      },
      turn(idle, calls, logs) {
        unacknowledged += 1;
        write({ type: "turn", run: command.run, idle, calls, logs });
      },
      usage(memoryBytes) {
        unacknowledged += 1;
        write({ type: "usage", run: command.run, memoryBytes });
      },
      done(outcome, logs, peakMemoryBytes) {
        current = undefined;
        write({ type: "done", run: command.run, outcome, logs, peakMemoryBytes }, () => process.exit());
      },
      onOpen: () => {},
    };
    current = { id: command.run, run: startNodeRun(command, guest, link), link };
  };

  const receive = ({ credits, command }: Envelope<RuntimeCommand>): void => {
    const wasOpen = current?.link.open ?? true;
    unacknowledged -= credits;
    if (command?.type === "run") return start(command);
    if (command?.type === "replies" && current?.id === command.run) current.run.reply(command.replies);
    if (!wasOpen && current?.link.open) current.link.onOpen();
  };

  // A terminal would echo the commands, and cut and change long lines.
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  const lines = new LineSplitter(Number.POSITIVE_INFINITY);
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (piece: string) => {
    for (const line of lines.push(piece)) {
      const json = findMessage(line);
      if (json !== undefined) receive(JSON.parse(json));
    }
  });
  // Nobody drives it any more.
  process.stdin.on("end", () => process.exit());
  write({ type: "ready" });
}
