import { type ErrorCode, findOptimizerError, messageOf } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { clipText } from "../base/text.ts";
import type { Truncation } from "./fit-value.ts";
import { MAX_MESSAGE_CHARACTERS } from "./model-output.ts";
import type { RunResult, RunUsage } from "./run-result.ts";

export type JsonRpcId = string | number | null;

/** What `error.data` tells a model that has to repair its request. */
export interface JsonRpcErrorData {
  readonly kind: string;
  readonly retryable: boolean;
  readonly hint?: string;
  readonly runId?: string;
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
  switch (result.status) {
    case "returned": {
      const { value, truncated } = result;
      return {
        jsonrpc: "2.0",
        id,
        result: { value, ...(truncated === undefined ? {} : { truncated }), runId, usage },
      };
    }
    case "threw": {
      const { name, message, line, code, kind, hint } = result.error;
      const place = line === undefined ? "" : ` (line ${line})`;
      const data = { kind, retryable: false, ...(hint === undefined ? {} : { hint }), runId };
      return {
        jsonrpc: "2.0",
        id,
        error: { code, message: `${clipText(`${name}: ${message}`, MAX_MESSAGE_CHARACTERS)}${place}`, data },
      };
    }
    case "stopped": {
      const { code, message, reason, hint } = result;
      const retryable = reason === "crashed" || reason === "cancelled";
      return { jsonrpc: "2.0", id, error: { code, message, data: { kind: reason, retryable, hint, runId } } };
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
