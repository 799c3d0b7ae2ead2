import { findOptimizerError, messageOf } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { clipText } from "../base/text.ts";
import type { Truncation } from "./fit-value.ts";
import type { RunError, RunResult } from "./run-result.ts";

/** What goes back to the model: the value, or what it needs to repair its program, and nothing else. */
export type ModelOutput =
  | {
      readonly status: "returned";
      readonly value: Json;
      readonly truncated?: Truncation;
      readonly logs?: readonly string[];
    }
  | { readonly status: "threw"; readonly error: RunError; readonly logs?: readonly string[] }
  | {
      readonly status: "stopped";
      readonly reason: string;
      readonly code: number;
      readonly message: string;
      readonly hint: string;
    }
  /** For whoever runs the agent: `optimizer.resume(resume, decisions)` gives the result that the model waits for. */
  | {
      readonly status: "suspended";
      readonly approvals: readonly { readonly id: string; readonly tool: string; readonly message: string }[];
      readonly resume: string;
      readonly hint: string;
    };

/** How much of a failure's message goes back to a model. */
export const MAX_MESSAGE_CHARACTERS = 1_000;

/** Log lines that a model gets to see, the last ones, and how much of each. */
const MAX_LINES = 10;
const MAX_LINE_CHARACTERS = 200;

/** Boils a run down for the model. */
export function toModelOutput(result: RunResult): ModelOutput {
  const lines = result.logs.slice(-MAX_LINES).map(({ text }) => clipText(text, MAX_LINE_CHARACTERS));
  // A program that returned its value has said what it wanted to say.
  const hasValue = result.status === "returned" && result.value !== null;
  const logs = lines.length === 0 || hasValue ? {} : { logs: lines };
  switch (result.status) {
    case "returned": {
      const { status, value, truncated } = result;
      return { status, value, ...(truncated === undefined ? {} : { truncated }), ...logs };
    }
    case "threw": {
      const { stack: _, ...error } = result.error;
      return {
        status: "threw",
        error: { ...error, message: clipText(error.message, MAX_MESSAGE_CHARACTERS) },
        ...logs,
      };
    }
    case "stopped": {
      const { status, reason, code, message, hint } = result;
      return { status, reason, code, message, hint };
    }
    case "suspended": {
      const { status, resume } = result;
      const approvals = result.approvals.map(({ id, tool, message }) => ({ id, tool, message }));
      return { status, approvals, resume, hint: "A person has to decide. Do not run the program again." };
    }
    default:
      return result satisfies never;
  }
}

/** The same for a request that never became a run. */
export function toModelFailure(failure: unknown): ModelOutput {
  const error = findOptimizerError(failure);
  return {
    status: "threw",
    error: {
      name: "Error",
      message: clipText(messageOf(failure), MAX_MESSAGE_CHARACTERS),
      code: error?.code ?? 500,
      kind: error?.kind ?? "internal",
      ...(error?.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}
