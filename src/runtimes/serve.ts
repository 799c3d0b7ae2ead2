// What every runtime beside a guest has in common: its place in the worker, its boot, its credits.
// The page's commands are trusted; what the runtime posts is checked again on the page.

import {
  CREDIT_WINDOW,
  type Envelope,
  type GuestCall,
  type LogEntry,
  type NumberedReply,
  type RuntimeCommand,
  type RuntimeMessage,
  type RuntimeOutcome,
} from "../protocol/guest-protocol.ts";

export type RunCommand = Extract<RuntimeCommand, { type: "run" }>;

/** What the frame hands to a worker before anything else. */
export interface BootMessage {
  readonly type: "boot";
  readonly modules: Readonly<Record<string, WebAssembly.Module>>;
  readonly files: Readonly<Record<string, ArrayBuffer>>;
  /** Written by the keeper when a run's time is over; only where the page is cross-origin isolated. */
  readonly interrupts?: SharedArrayBuffer;
}

/** One run, seen from the serve loop. */
export interface RuntimeRun {
  reply(replies: readonly NumberedReply[]): void;
}

/** The way from one run to the page. */
export interface RunLink {
  /** Whether the page accepts another message now; the end of a run always may be sent. */
  readonly open: boolean;
  turn(idle: boolean, calls: readonly GuestCall[], logs: readonly LogEntry[]): void;
  /** Tells how much memory the guest holds. */
  usage(memoryBytes: number): void;
  done(outcome: RuntimeOutcome, logs: readonly LogEntry[], peakMemoryBytes: number): void;
  /** Called when the page accepts messages again after `open` was false. */
  onOpen: () => void;
}

export interface Runtime {
  /** Starts a program. One at a time; the runtime calls `link.done` exactly once unless it is stopped. */
  start(command: RunCommand, link: RunLink): RuntimeRun;
}

/** Serves runs from a dedicated worker inside the sandbox frame. */
export function serve(boot: (message: BootMessage) => Promise<Runtime>): void {
  // Taken now: a runtime may empty the worker's scope.
  const postMessage = self.postMessage.bind(self);
  const post = (message: RuntimeMessage): void => postMessage(JSON.stringify(message));
  let runtime: Runtime | undefined;
  let current: { readonly id: string; readonly run: RuntimeRun; readonly link: RunLink } | undefined;
  // The first credit is for the message that says this worker is ready.
  let unacknowledged = 1;

  const start = (command: RunCommand): void => {
    if (runtime === undefined) return;
    const link: RunLink = {
      get open() {
        return unacknowledged < CREDIT_WINDOW - 1;
      },
      turn(idle, calls, logs) {
        unacknowledged += 1;
        post({ type: "turn", run: command.run, idle, calls, logs });
      },
      usage(memoryBytes) {
        unacknowledged += 1;
        post({ type: "usage", run: command.run, memoryBytes });
      },
      done(outcome, logs, peakMemoryBytes) {
        current = undefined;
        unacknowledged += 1;
        post({ type: "done", run: command.run, outcome, logs, peakMemoryBytes });
      },
      onOpen: () => {},
    };
    try {
      current = { id: command.run, run: runtime.start(command, link), link };
    } catch (error) {
      const message = `The runtime did not start the program: ${String(error)}`;
      link.done({ status: "stopped", reason: "crashed", message }, [], 0);
    }
  };

  self.onmessage = async ({ data }: MessageEvent<BootMessage | Envelope<RuntimeCommand>>) => {
    if ("type" in data) {
      const problem = findOpenDoor();
      if (problem !== undefined) return post({ type: "unfit", message: problem });
      try {
        runtime = await boot(data);
      } catch (error) {
        // Nobody would hear of it: a rejection in a worker reaches no error handler outside.
        return post({ type: "unfit", message: String(error) });
      }
      return post({ type: "ready" });
    }
    const { credits, command } = data;
    const wasOpen = current?.link.open ?? true;
    unacknowledged -= credits;
    if (command?.type === "run") return start(command);
    if (command?.type === "replies" && current?.id === command.run) current.run.reply(command.replies);
    if (!wasOpen && current?.link.open) current.link.onOpen();
  };
}

/** Looks for a layer that is missing around this worker, and names it. */
function findOpenDoor(): string | undefined {
  if (self.origin !== "null") return `the worker runs in the origin ${self.origin}`;
  try {
    // The policy of the frame must refuse to turn text into code.
    new Function("");
    return "the content security policy of the frame is not in force";
  } catch {
    return undefined;
  }
}
