// What crosses here: messages between the runtime and the worker that one program runs in. The program
// shares that worker's realm and may post what it likes, so the runtime reads each message field by field.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { GuestOperation, LogLevel } from "../protocol/guest-protocol.ts";
import { requireLogLevel, requireOperation } from "../protocol/parse-runtime-message.ts";

/** One answer on its way to the program. */
export interface Delivery {
  readonly id: number;
  readonly ok: boolean;
  /** JSON text of the value or the error. */
  readonly payload: string;
  readonly hasBytes: boolean;
}

/** The longest texts that are worth a message: what is longer is cut here, and one character too many says so. */
export interface LongestTexts {
  readonly outputCharacters: number;
  readonly argsCharacters: number;
  readonly thrownCharacters: number;
}

/** Runtime to program. */
export type NativeCommand =
  | {
      readonly type: "begin";
      /** JSON text, as `settings`. */
      readonly inputs: string;
      readonly settings: string;
      readonly longest: LongestTexts;
    }
  | { readonly type: "deliver"; readonly deliveries: readonly Delivery[] }
  | { readonly type: "fire"; readonly timer: number }
  /** Asks for `rest`, which comes when the program has nothing to do any more by itself. */
  | { readonly type: "rest"; readonly turn: number };

/** Program to runtime. */
export type NativeMessage =
  /** The scope could not be emptied: these names stayed. */
  | { readonly type: "unfit"; readonly names: string }
  | {
      readonly type: "call";
      readonly id: number;
      readonly operation: GuestOperation;
      readonly target: string;
      readonly args: string;
    }
  | { readonly type: "log"; readonly level: LogLevel; readonly text: string }
  /** The program's promise settled: `returned` with JSON text, or `threw` with JSON text of the error. */
  | { readonly type: "settle"; readonly status: string; readonly json: string }
  | { readonly type: "sleep"; readonly timer: number; readonly ms: number }
  | { readonly type: "wake"; readonly timer: number }
  /** Bytes of the buffers that the program made and the browser has not collected. */
  | { readonly type: "buffers"; readonly bytes: number }
  | { readonly type: "rest"; readonly turn: number };

/** Reads one message of a program's worker. Throws 403 `protocol_violation` for what our side of it would not post. */
export function parseNativeMessage(data: unknown): NativeMessage {
  const fields = new Map<string, unknown>(isJsonObject(data) ? Object.entries(data) : []);
  const text = (key: string): string => {
    const value = fields.get(key);
    if (typeof value !== "string") throw violation();
    return value;
  };
  const number = (key: string): number => {
    const value = fields.get(key);
    if (typeof value !== "number" || !(value >= 0)) throw violation();
    return value;
  };
  switch (fields.get("type")) {
    case "unfit":
      return { type: "unfit", names: text("names") };
    case "call":
      return {
        type: "call",
        id: number("id"),
        operation: requireOperation(text("operation")),
        target: text("target"),
        args: text("args"),
      };
    case "log":
      return { type: "log", level: requireLogLevel(text("level")), text: text("text") };
    case "settle":
      return { type: "settle", status: text("status"), json: text("json") };
    case "sleep":
      return { type: "sleep", timer: number("timer"), ms: number("ms") };
    case "wake":
      return { type: "wake", timer: number("timer") };
    case "buffers":
      return { type: "buffers", bytes: number("bytes") };
    case "rest":
      return { type: "rest", turn: number("turn") };
    default:
      throw violation();
  }
}

function violation(): OptimizerError {
  return new OptimizerError("The program's worker posted something of its own making.", {
    code: 403,
    kind: "protocol_violation",
  });
}
