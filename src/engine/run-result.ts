import type { ErrorCode } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { LogEntry } from "../protocol/guest-protocol.ts";
import type { StopReason } from "../sandbox/sandbox.ts";
import type { ApprovalRequest } from "../tools/approval.ts";
import type { BrokerEvent, ToolCallRecord } from "../tools/broker.ts";
import type { Truncation } from "./fit-value.ts";
import type { Route } from "./route.ts";

/** What a run cost. */
export interface RunUsage {
  /** From the request to the result, waiting included. Milliseconds. */
  readonly durationMs: number;
  /** Tokens of the value as it goes back to the model. */
  readonly tokens: number;
  /** Estimate of what stayed out of the model's context: the answers of tools at 4 bytes a token, less what came back. 0 when nothing came back. */
  readonly tokensSaved: number;
  /** Most memory that the guest's instance held. Bytes; 0 when the run was ended from outside. */
  readonly peakMemoryBytes: number;
}

/** What every run carries, whatever became of it. */
export interface RunFacts {
  readonly runId: string;
  readonly session: string;
  readonly logs: readonly LogEntry[];
  readonly toolCalls: readonly ToolCallRecord[];
  readonly usage: RunUsage;
  /** Which way an intent went; absent for programs that were handed in. */
  readonly route?: Route;
}

/** A failure of the program, in its own coordinates: lines and columns count from 1. */
export interface RunError {
  readonly name: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  readonly stack?: string;
  readonly code: ErrorCode;
  readonly kind: string;
  readonly hint?: string;
  /** Present when a tool was called on the page's behalf and may have done its work in spite of the failure. */
  readonly mayHaveExecuted?: true;
}

/** The outcome of one run. */
export type RunResult = RunFacts &
  (
    | { readonly status: "returned"; readonly value: Json; readonly truncated?: Truncation }
    | { readonly status: "threw"; readonly error: RunError }
    | {
        readonly status: "stopped";
        readonly reason: StopReason;
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint: string;
      }
    /** Somebody has to decide first: `optimizer.resume(resume, decisions)` goes on, also after a reload. */
    | {
        readonly status: "suspended";
        readonly approvals: readonly ApprovalRequest[];
        /** Token of the run; it is good once. */
        readonly resume: string;
      }
  );

/** What happens during a run, as it happens. */
export type RunEvent =
  | { readonly type: "started"; readonly runId: string; readonly session: string }
  | BrokerEvent
  | { readonly type: "finished"; readonly result: RunResult };

interface StopFacts {
  readonly code: ErrorCode;
  readonly hint: string;
}

/** The class of each stop, and how a model goes on after it. */
export const STOPS: Readonly<Record<StopReason, StopFacts>> = {
  timeout: { code: 408, hint: "Do less in one program, or look for a loop that does not end." },
  cancelled: { code: 408, hint: "The caller cancelled the run." },
  memory: { code: 429, hint: "Keep less at one time: page through results and aggregate as you go." },
  output: { code: 429, hint: "Return or log less: filter, aggregate or slice first." },
  tool_calls: {
    code: 429,
    hint: "Make fewer calls: fetch larger pages, or split the work over several programs.",
  },
  crashed: { code: 500, hint: "The runtime died and was replaced. The same program may succeed." },
  security: { code: 403, hint: "The runtime broke the rules of the sandbox and was ended." },
};
