import { findOptimizerError, messageOf } from "../base/errors.ts";
import type {
  GuestCall,
  GuestPort,
  GuestReply,
  LogEntry,
  NumberedReply,
  RuntimeMessage,
} from "../protocol/guest-protocol.ts";
import { HOST_OPERATIONS, type HostFrame, type PageFrame } from "../protocol/remote-frames.ts";
import type { RunOutcome, SandboxSession } from "../sandbox/sandbox.ts";
import type { LentBroker } from "./broker-lender.ts";

type RunFrame = Extract<PageFrame, { readonly type: "run" }>;

/** A program of a page that runs here. Whatever it calls, the page answers; or a broker that the host lends it, where tools are meant. */
export class RemoteRun {
  readonly #frame: RunFrame;
  readonly #send: (frame: HostFrame) => void;
  readonly #open = new Map<number, (reply: GuestReply) => void>();
  #calls: GuestCall[] = [];
  #logs: LogEntry[] = [];
  #sending = false;

  constructor(frame: RunFrame, send: (frame: HostFrame) => void) {
    this.#frame = frame;
    this.#send = send;
  }

  /** Runs the program to its end, of which the page hears. Never rejects. Without `lent` the page answers all calls. */
  async carryOut(
    session: Pick<SandboxSession, "run">,
    signal: AbortSignal,
    lent?: LentBroker,
  ): Promise<RunOutcome> {
    const { language, code, inputs } = this.#frame;
    const port: GuestPort = {
      namespaces: lent?.namespaces ?? this.#frame.namespaces,
      call: (call, ended) =>
        lent !== undefined && HOST_OPERATIONS.has(call.operation)
          ? this.#callHere(call, ended, lent)
          : this.#call(call, ended),
      log: (entries) => {
        this.#logs.push(...entries);
        this.#flushSoon();
      },
      notice: (notice) => {
        lent?.notice(notice);
        if (notice.type !== "memory") return;
        this.#post({ type: "usage", run: this.#frame.run, memoryBytes: notice.memoryBytes });
      },
    };
    try {
      const program = { language, code, inputs };
      const outcome = await session.run(program, port, signal, { onIdle: () => this.#flush(true) });
      this.#finish(outcome);
      return outcome;
    } catch (error) {
      const message = messageOf(error);
      this.#die(message, "crashed");
      return { status: "stopped", reason: "crashed", message, peakMemoryBytes: 0 };
    }
  }

  /** The host can't carry the program out. Nothing ran. */
  refuse(error: unknown): void {
    this.#die(findOptimizerError(error)?.message ?? "The host failed.", "crashed");
  }

  answer(replies: readonly NumberedReply[]): void {
    for (const { id, ...reply } of replies) {
      this.#open.get(id)?.(reply);
      this.#open.delete(id);
    }
  }

  /** The page hears of the call, whose time it keeps, and that it was answered; the answer goes to the program alone. */
  async #callHere(call: GuestCall, ended: AbortSignal, lent: LentBroker): Promise<GuestReply> {
    this.#calls.push(call);
    this.#flushSoon();
    const { reply, tool } = await lent.call(call, ended);
    if (ended.aborted) return reply;
    if (this.#sending) this.#flush(false);
    const { channel } = this.#frame;
    this.#send({ type: "answered", channel, call: call.id, ...(tool === undefined ? {} : { tool }) });
    return reply;
  }

  #call(call: GuestCall, ended: AbortSignal): Promise<GuestReply> {
    return new Promise((resolve) => {
      this.#open.set(call.id, resolve);
      // Nobody waits for it any more.
      ended.addEventListener("abort", () => this.#open.delete(call.id), { once: true });
      this.#calls.push(call);
      this.#flushSoon();
    });
  }

  /** What comes in one turn goes out together. */
  #flushSoon(): void {
    if (this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => {
      if (this.#sending) this.#flush(false);
    });
  }

  #flush(idle: boolean): void {
    this.#sending = false;
    const { run } = this.#frame;
    const [calls, logs] = [this.#calls, this.#logs];
    [this.#calls, this.#logs] = [[], []];
    this.#post({ type: "turn", run, idle, calls, logs });
  }

  #finish(outcome: RunOutcome): void {
    const { run } = this.#frame;
    const { peakMemoryBytes } = outcome;
    const logs = this.#logs;
    this.#logs = [];
    switch (outcome.status) {
      case "returned":
      case "threw":
        return this.#post({ type: "done", run, outcome: strip(outcome), logs, peakMemoryBytes });
      case "suspended":
        return this.#die("The host froze the program.", "crashed");
      case "stopped": {
        const { reason, message } = outcome;
        if (reason === "cancelled") return this.#die("The host ended the program.", "crashed");
        if (reason === "security") return this.#die(message, "security");
        return this.#post({
          type: "done",
          run,
          outcome: { status: "stopped", reason, message },
          logs,
          peakMemoryBytes,
        });
      }
    }
  }

  #post(message: RuntimeMessage): void {
    this.#send({ type: "message", channel: this.#frame.channel, message: JSON.stringify(message) });
  }

  #die(message: string, reason: "crashed" | "security"): void {
    if (this.#logs.length > 0) this.#flush(false);
    this.#send({ type: "died", channel: this.#frame.channel, message, reason });
  }
}

/** An outcome as the runtime's protocol has it. */
function strip(outcome: Extract<RunOutcome, { readonly status: "returned" | "threw" }>) {
  return outcome.status === "returned"
    ? ({ status: "returned", json: outcome.json } as const)
    : ({ status: "threw", error: outcome.error } as const);
}
