// What the engine tells of its work while it does it. Nothing here is of OpenTelemetry: where nobody listens, none of
// it is loaded.

import type { ErrorCode } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";

/** A part of a request; each ends where the next begins. */
export type Phase = "route" | "validate" | "queue" | "sandbox boot" | "guest" | "fit" | "respond";

/** Where a call stands in a trace, as W3C Trace Context writes it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** How a request ended. `failed`: the engine refused it, or could not carry it out. */
export type RequestStatus = "returned" | "threw" | "stopped" | "suspended" | "failed";

/** One request that is over. */
export interface RequestEnd {
  readonly status: RequestStatus;
  /** Class of the failure. */
  readonly code?: ErrorCode;
  /** Stable name of the failure, or why it was stopped. A guest may have chosen it. */
  readonly kind?: string;
  readonly runId?: string;
  /** Tokens of the value as it went back to the model. */
  readonly tokens: number;
  readonly tokensSaved: number;
  /** The value was cut to its token limit, or a token budget was used up. */
  readonly tokenLimited: boolean;
}

/** A tool that is about to be called; without a ref when there is no such tool. */
export interface ToolCallStart {
  readonly call: number;
  readonly ref?: string;
  readonly server?: string;
  /** It is called over MCP, not in the page. */
  readonly remote: boolean;
  readonly args: JsonObject;
}

/** How a call ended. `held`: it waits for somebody's decision. */
export interface ToolCallEnd {
  readonly outcome: "ok" | "error" | "held";
  readonly kind?: string;
  /** The source was asked: it was neither refused before, nor answered from what is kept. */
  readonly sent: boolean;
  readonly cached: boolean;
  /** JSON text of the answer. */
  readonly json?: string;
}

/** One call under way. */
export interface ToolTrace {
  /** What its server is sent; absent where it is not to know. */
  readonly context: TraceContext | undefined;
  end(end: ToolCallEnd): void;
}

/** One request under way. */
export interface RequestTrace {
  /** Ends the phase before; `undefined` begins none. */
  phase(phase: Phase | undefined): void;
  /** What the request is about, once it is known to exist: an intent of the registry, `run_code`, or `resume`. */
  intent(name: string): void;
  /** The language of its program, or `tool`. */
  kind(kind: string): void;
  toolCall(start: ToolCallStart): ToolTrace;
  /** Counts from the first call only. */
  end(end: RequestEnd): void;
}

/** What hears of the engine's work. */
export interface TraceSink {
  begin(): RequestTrace;
  /** A call that could have been answered from what is kept was, or was not. */
  cacheLookup(hit: boolean): void;
}
