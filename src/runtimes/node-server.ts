// Our side of a Node process, in a realm that the program does not have.

import type { RuntimeMessage } from "../protocol/guest-protocol.ts";
import { findMessage, LineSplitter, type Mark, parseOpening, toLine } from "../protocol/stdio-lines.ts";
import type { OpenGuest } from "./node-guest.ts";
import type { PrepareNodeProgram } from "./node-parser.ts";
import { startNodeRun } from "./node-run.ts";
import { NodeWatch } from "./node-watch.ts";
import { createRunServer } from "./run-server.ts";

declare const openGuest: OpenGuest;
/** Compiles it in this realm, which takes longer than all the rest. */
declare const loadParser: () => PrepareNodeProgram;

serveProcess();

/** Serves one run, then ends the process. */
function serveProcess(): void {
  // The program may change them later.
  const { stdin } = process;
  const write = process.stdout.write.bind(process.stdout);
  const exit = process.exit.bind(process);
  const kill = process.kill.bind(process, process.pid, "SIGKILL");
  // To take its threads down in good order takes a fifth of all its time. Not every Node knows the signal.
  const end = (): void => {
    try {
      kill();
    } finally {
      exit();
    }
  };
  const watch = new NodeWatch();
  let mark: Mark | undefined;
  const post = (message: RuntimeMessage): void => {
    if (mark === undefined) return;
    // The process serves one run and ends with it.
    const then = message.type === "done" ? end : undefined;
    write(toLine(message, mark), then);
  };
  const receive = createRunServer(post, {
    start: (command, link) => startNodeRun(command, { openGuest, loadParser, watch, link }),
  });

  // A terminal would echo the commands, and cut and change long lines.
  if (stdin.isTTY) stdin.setRawMode(true);
  const lines = new LineSplitter(Number.POSITIVE_INFINITY);
  stdin.setEncoding("utf8");
  stdin.on("data", (piece: string) => {
    for (const line of lines.push(piece)) {
      if (mark === undefined) {
        const opening = parseOpening(line);
        mark = opening.mark;
        watch.mark = mark;
        const opened = opening.isSpare ? watch.open() : Promise.resolve();
        void opened.then(() => post({ type: "ready" }));
        continue;
      }
      const json = findMessage(line, mark);
      if (json !== undefined) receive(JSON.parse(json));
    }
  });
  // Nobody drives it any more.
  stdin.on("end", end);
}
