// What crosses here: every message between the page and the runtime beside a guest. The page's side
// is trusted; whatever comes from the runtime may be forged by the guest, so it arrives as JSON text
// and passes `parseRuntimeMessage` before anything else looks at it.

import type { FrozenMessage, Thaw, UnfrozenMessage } from "./freeze-messages.ts";
import type { HostToolCall } from "./host-tool-call.ts";
import type { GlobalsCommand } from "./kept-globals.ts";
import type { PreparedProgram } from "./prepared-program.ts";

/** Source text to run. */
export interface Program {
  readonly language: Language;
  readonly code: string;
  /** JSON text of the data that the caller hands in; the guest's `inputs`. */
  readonly inputs: string;
  /** The code as it was parsed ahead, for runtimes that have no parser. */
  readonly prepared?: PreparedProgram;
}

/** What programs are written in. */
export type Language = "javascript" | "typescript" | "python";

/** What a guest may ask the page for. */
export type GuestOperation =
  | "tool"
  | "search"
  | "describe"
  | "context_get"
  | "context_set"
  | "context_delete"
  | "context_keys"
  | "context_open";

/** One request of a guest. `args` is JSON text: nothing has parsed it yet. */
export interface GuestCall {
  /** Chosen by the runtime; rises with every call of a run. */
  readonly id: number;
  readonly operation: GuestOperation;
  /** The tool's path as the program wrote it; empty for other operations. */
  readonly target: string;
  readonly args: string;
}

/** An error as the guest sees it: no stack of ours, no path, no secret. */
export interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly kind: string;
  readonly code: number;
  readonly hint?: string;
  readonly tool?: string;
  readonly server?: string;
}

/** The answer to a call of a guest: JSON text, or why there is none. */
export type GuestReply =
  | {
      readonly ok: true;
      /** JSON text of the value. */
      readonly json: string;
      /** The JSON holds `{ "$bytes": base64 }` objects that become `Uint8Array`s in the guest. */
      readonly bytes?: boolean;
    }
  | { readonly ok: false; readonly error: GuestError };

/** An answer, with the number of its call. */
export type NumberedReply = GuestReply & { readonly id: number };

/** The method of `console` that wrote a line; `print` of Python is `log`. */
export type LogLevel = "debug" | "log" | "info" | "warn" | "error";

/** One line that a program logged or printed. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly text: string;
}

/**
 * What a port says of a call that somebody has to decide first. Nobody waits for the answer then: when the
 * program can't go on without it, the program is frozen.
 */
export const HELD: unique symbol = Symbol("held");

/** What a guest can reach: the broker, seen from the sandbox. */
export interface GuestPort {
  /** Identifiers of the tool namespaces at the start of the run. */
  readonly namespaces: readonly string[];
  /** Answers one call, or holds it. Resolves for every failure too; `signal` aborts when the run ends. */
  call(call: GuestCall, signal: AbortSignal): Promise<GuestReply | typeof HELD>;
  log(entries: readonly LogEntry[]): void;
  /** Hears how the sandbox is doing. */
  notice(notice: SandboxNotice): void;
}

/** What a sandbox tells of itself while a run gets ready and runs. */
export type SandboxNotice =
  /** No worker was ready: its runtime is fetched and compiled, then a worker starts. */
  | {
      readonly type: "preparing";
      readonly sandbox: string;
      readonly step: "loading" | "starting" | "ready";
    }
  /** The host of a sandbox has called one of its own tools for the program: so it says. */
  | ({ readonly type: "host_call"; readonly call: number } & HostToolCall)
  /** The program was handed to its runtime. */
  | { readonly type: "running" }
  /** The guest's memory was looked at. Bytes. */
  | { readonly type: "memory"; readonly memoryBytes: number; readonly limitBytes: number }
  /** The guest uses most of its memory: once for each run, before it is stopped. Bytes. */
  | { readonly type: "memory_pressure"; readonly memoryBytes: number; readonly limitBytes: number };

/** A failure in the guest's own coordinates: lines and columns count from 1 in the program as it was handed in. */
export interface ProgramError {
  readonly name: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  /** Only frames of the program. */
  readonly stack?: string;
  /** Stable name: `syntax`, `exception`, or the kind of the tool failure that was not caught. */
  readonly kind: string;
  readonly hint?: string;
}

/** Why the runtime beside the guest ended a run. */
export type RuntimeStopReason = "timeout" | "memory" | "output" | "tool_calls" | "crashed";

export type RuntimeOutcome =
  | { readonly status: "returned" /** JSON text. */; readonly json: string }
  | { readonly status: "threw"; readonly error: ProgramError }
  | { readonly status: "stopped"; readonly reason: RuntimeStopReason; readonly message: string };

/** How a runtime begins to say that there was no room for an instance: the program has not begun. */
export const NO_INSTANCE = "The VM did not start";

/** Limits that the runtime applies by itself, so that most programs end politely. */
export interface RuntimeLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly maxOutputBytes: number;
  readonly maxToolCalls: number;
  readonly maxToolCallsInFlight: number;
  readonly maxMessageBytes: number;
}

/** Page to runtime. */
export type RuntimeCommand =
  | {
      readonly type: "run";
      readonly run: string;
      readonly program: Program;
      /** Identifiers of the tool namespaces, so that `Object.keys(tools)` tells the truth. */
      readonly namespaces: readonly string[];
      readonly limits: RuntimeLimits;
      /** Only for runtimes that freeze. The replies to what was open then follow as any do. */
      readonly thaw?: Thaw;
      /**
       * The globals are kept: after `done` of a program that ended by itself the page asks for them by `freeze`.
       * Only for runtimes that keep them.
       */
      readonly globals?: GlobalsCommand;
    }
  | {
      readonly type: "replies";
      readonly run: string;
      readonly replies: readonly NumberedReply[];
    }
  /** Asks for the guest as it can go on later. Only for runtimes that freeze. */
  | {
      readonly type: "freeze";
      readonly run: string;
      /** The calls that are open, as the page knows them: the run ends when they are. Absent: it goes on. */
      readonly held?: readonly number[];
    }
  /** The time is over: ends the guest where something between page and runtime can reach into it. */
  | { readonly type: "interrupt"; readonly run: string };

/** A command on its way to a worker, with the credits for messages that the page has dealt with since. */
export interface Envelope<Command> {
  readonly credits: number;
  readonly command?: Command;
}

/** Runtime to page. */
export type RuntimeMessage =
  | { readonly type: "ready" }
  | { readonly type: "unfit"; readonly message: string }
  | {
      readonly type: "turn";
      readonly run: string;
      /** The guest has nothing to do until a call is answered. */
      readonly idle: boolean;
      readonly calls: readonly GuestCall[];
      readonly logs: readonly LogEntry[];
    }
  /** The runtime looked at the guest's memory; it does so a few times a second while the guest computes. */
  | { readonly type: "usage"; readonly run: string; readonly memoryBytes: number }
  /** What the page asked for, or why it can't have it. */
  | FrozenMessage
  | UnfrozenMessage
  | {
      readonly type: "done";
      readonly run: string;
      readonly outcome: RuntimeOutcome;
      readonly logs: readonly LogEntry[];
      readonly peakMemoryBytes: number;
    };

/**
 * Messages that a runtime may send before the page hands credits back. The frame between them
 * ends a worker that sends more, so that a flood never reaches the page.
 */
export const CREDIT_WINDOW = 64;

/** The longest text that a worker may post, in characters: the allowed payload as escaped JSON, and an envelope. */
export function messageCharacters(limits: Pick<RuntimeLimits, "maxMessageBytes" | "maxOutputBytes">): number {
  return 2 * Math.max(limits.maxMessageBytes, limits.maxOutputBytes) + 64 * 1024;
}

/**
 * Buffers that a program in `native()` has dropped and the browser has not collected: so many are forgiven
 * beside the program's memory. Bytes.
 */
export const UNCOLLECTED_BYTES = 256 * 1024 * 1024;

/**
 * What our runtime takes in a Node process beside the program: two threads, messages on their way, and garbage not yet
 * collected. Bytes.
 */
export const NODE_RUNTIME_BYTES = 64 * 1024 * 1024;

/** What one log entry counts beside its text, so that empty ones end too. Bytes. */
export const LOG_ENTRY_BYTES = 64;

/** Longest path of a tool that a runtime passes on: looking for the nearest names takes time for each character. */
export const MAX_TARGET_CHARACTERS = 1_024;
