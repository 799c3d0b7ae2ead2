import { type ErrorCode, findOptimizerError, messageOf } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { clipText } from "../base/text.ts";
import type { ApprovalRequest } from "../tools/approval.ts";
import type { Truncation } from "./fit-value.ts";
import { MAX_MESSAGE_CHARACTERS } from "./model-output.ts";
import type { Route } from "./route.ts";
import type { RunResult, RunUsage } from "./run-result.ts";

/** What tells one JSON-RPC request from another; `null` where it could not be read. */
export type JsonRpcId = string | number | null;

/** What `error.data` tells a model that has to repair its request. */
export interface JsonRpcErrorData {
  readonly kind: string;
  readonly retryable: boolean;
  readonly hint?: string;
  readonly runId?: string;
  readonly route?: Route;
  /** Present when the request may have had its effect in spite of the failure. */
  readonly mayHaveExecuted?: true;
}

/** A JSON-RPC 2.0 response (jsonrpc.org/specification). Error codes are the engine's classes. */
export type JsonRpcResponse =
  | {
      readonly jsonrpc: "2.0";
      readonly id: JsonRpcId;
      readonly result: {
        readonly value: Json;
        readonly truncated?: Truncation;
        readonly runId?: string;
        readonly usage?: RunUsage;
        /** Which way the intent went, and why. */
        readonly route?: Route;
      };
    }
  /** Somebody has to decide first. */
  | {
      readonly jsonrpc: "2.0";
      readonly id: JsonRpcId;
      readonly result: {
        readonly suspended: { readonly approvals: readonly ApprovalRequest[]; readonly resume: string };
        readonly runId?: string;
        readonly usage?: RunUsage;
        readonly route?: Route;
      };
    }
  | {
      readonly jsonrpc: "2.0";
      readonly id: JsonRpcId;
      readonly error: { readonly code: ErrorCode; readonly message: string; readonly data: JsonRpcErrorData };
    };

/** Answers with the outcome of a run. */
export function respondWithRun(id: JsonRpcId, result: RunResult): JsonRpcResponse {
  const { runId, usage } = result;
  const route = result.route === undefined ? {} : { route: result.route };
  switch (result.status) {
    case "returned": {
      const { value, truncated } = result;
      return {
        jsonrpc: "2.0",
        id,
        result: { value, ...(truncated === undefined ? {} : { truncated }), runId, usage, ...route },
      };
    }
    case "threw": {
      const { name, message, line, code, kind, hint, mayHaveExecuted } = result.error;
      const place = line === undefined ? "" : ` (line ${line})`;
      const data = {
        kind,
        retryable: false,
        ...(hint === undefined ? {} : { hint }),
        runId,
        ...route,
        ...(mayHaveExecuted === undefined ? {} : { mayHaveExecuted }),
      };
      return {
        jsonrpc: "2.0",
        id,
        error: { code, message: `${clipText(`${name}: ${message}`, MAX_MESSAGE_CHARACTERS)}${place}`, data },
      };
    }
    case "stopped": {
      const { code, message, reason, hint } = result;
      const retryable = reason === "crashed" || reason === "cancelled";
      const data = { kind: reason, retryable, hint, runId, ...route };
      return { jsonrpc: "2.0", id, error: { code, message, data } };
    }
    case "suspended": {
      const { approvals, resume } = result;
      return { jsonrpc: "2.0", id, result: { suspended: { approvals, resume }, runId, usage, ...route } };
    }
    default:
      return result satisfies never;
  }
}

/** Answers with a failure that no run explains. */
export function respondWithError(id: JsonRpcId, failure: unknown): JsonRpcResponse {
  const error = findOptimizerError(failure);
  const { code = 500, kind = "internal", retryable = false, hint } = error ?? {};
  const data = { kind, retryable, ...(hint === undefined ? {} : { hint }) };
  return {
    jsonrpc: "2.0",
    id,
    error: { code, message: clipText(messageOf(failure), MAX_MESSAGE_CHARACTERS), data },
  };
}
