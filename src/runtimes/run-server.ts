// One run after the other over one way to the page, which gives credits for messages. Knows no worker and
// no process: whoever has the way hands in what arrives.

import type { FrozenMessage, UnfrozenMessage } from "../protocol/freeze-messages.ts";
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

/** One run, seen from the serve loop. */
export interface RuntimeRun {
  reply(replies: readonly NumberedReply[]): void;
  /**
   * Answers with `link.frozen` or `link.unfrozen`, unless the run ends meanwhile. Where `held` names all open
   * calls, the run ends with it. Never rejects. Only runtimes that freeze are asked. After `done`, where it waits:
   * what the guest left on its globals.
   */
  freeze?(held: readonly number[] | undefined): Promise<void>;
}

/** The way from one run to the page. */
export interface RunLink {
  /** Whether the page accepts another message now; the end of a run always may be sent. */
  readonly open: boolean;
  turn(idle: boolean, calls: readonly GuestCall[], logs: readonly LogEntry[]): void;
  /** Tells how much memory the guest holds. */
  usage(memoryBytes: number): void;
  /** `waits` where the page will ask for what the guest left. */
  done(outcome: RuntimeOutcome, logs: readonly LogEntry[], peakMemoryBytes: number, waits?: boolean): void;
  /** `ends` where the run goes on somewhere else, if at all. */
  frozen(guest: Omit<FrozenMessage, "type" | "run">, ends: boolean): void;
  unfrozen(reason: UnfrozenMessage["reason"]): void;
  /** Called when the page accepts messages again after `open` was false. */
  onOpen: () => void;
}

export interface Runtime {
  /** Starts a program. One at a time; the runtime calls `link.done` exactly once unless it is stopped. */
  start(command: RunCommand, link: RunLink): RuntimeRun;
}

/** Starts the runs that arrive and passes their messages on with `post`. Returns what takes each envelope. */
export function createRunServer(
  post: (message: RuntimeMessage) => void,
  runtime: Runtime,
): (envelope: Envelope<RuntimeCommand>) => void {
  let current: { readonly id: string; readonly run: RuntimeRun; readonly link: RunLink } | undefined;
  // The first credit is for the message that says this runtime is ready.
  let unacknowledged = 1;

  const start = (command: RunCommand): void => {
    const { run } = command;
    const send = (message: RuntimeMessage): void => {
      unacknowledged += 1;
      post(message);
    };
    const link: RunLink = {
      get open() {
        return unacknowledged < CREDIT_WINDOW - 1;
      },
      turn: (idle, calls, logs) => send({ type: "turn", run, idle, calls, logs }),
      usage: (memoryBytes) => send({ type: "usage", run, memoryBytes }),
      done(outcome, logs, peakMemoryBytes, waits = false) {
        if (!waits) current = undefined;
        send({ type: "done", run, outcome, logs, peakMemoryBytes });
      },
      frozen(guest, ends) {
        if (ends) current = undefined;
        send({ type: "frozen", run, ...guest });
      },
      unfrozen: (reason) => send({ type: "unfrozen", run, reason }),
      onOpen: () => {},
    };
    try {
      current = { id: run, run: runtime.start(command, link), link };
    } catch (error) {
      const message = `The runtime did not start the program: ${String(error)}`;
      link.done({ status: "stopped", reason: "crashed", message }, [], 0);
    }
  };

  return ({ credits, command }) => {
    const wasOpen = current?.link.open ?? true;
    unacknowledged -= credits;
    if (command?.type === "run") return start(command);
    if (command?.type === "replies" && current?.id === command.run) current.run.reply(command.replies);
    if (command?.type === "freeze" && current?.id === command.run) void current.run.freeze?.(command.held);
    if (!wasOpen && current?.link.open) current.link.onOpen();
  };
}
