// What crosses here: what a runtime beside a guest says, which the guest may have forged. It is read here, once, and
// nothing else looks at it before.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { findReason } from "./freeze-messages.ts";
import {
  type GuestCall,
  type GuestOperation,
  type LogEntry,
  type LogLevel,
  MAX_TARGET_CHARACTERS,
  type ProgramError,
  type RuntimeMessage,
  type RuntimeOutcome,
  type RuntimeStopReason,
} from "./guest-protocol.ts";

const OPERATIONS = new Set<string>([
  "tool",
  "search",
  "describe",
  "context_get",
  "context_set",
  "context_delete",
  "context_keys",
  "context_open",
] satisfies GuestOperation[]);

const LEVELS = new Set<string>(["debug", "log", "info", "warn", "error"] satisfies LogLevel[]);

const REASONS = new Set<string>([
  "timeout",
  "memory",
  "output",
  "tool_calls",
  "crashed",
] satisfies RuntimeStopReason[]);

/** Reads one message of a runtime. Throws 403 `protocol_violation` for anything that the protocol does not know. */
export function parseRuntimeMessage(data: unknown): RuntimeMessage {
  if (typeof data !== "string") throw violation("a message that is no text");
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw violation("text that is no JSON");
  }
  const message = record(value, "message");
  switch (message.get("type")) {
    case "ready":
      return { type: "ready" };
    case "unfit":
      return { type: "unfit", message: text(message, "message") };
    case "turn":
      return {
        type: "turn",
        run: text(message, "run"),
        idle: message.get("idle") === true,
        calls: list(message, "calls").map(parseCall),
        logs: list(message, "logs").map(parseLog),
      };
    case "usage":
      return { type: "usage", run: text(message, "run"), memoryBytes: count(message, "memoryBytes") };
    case "frozen":
      return {
        type: "frozen",
        run: text(message, "run"),
        snapshot: text(message, "snapshot"),
        open: list(message, "open").map((id) => countOf(id, "open")),
        peakMemoryBytes: count(message, "peakMemoryBytes"),
      };
    case "unfrozen": {
      const reason = findReason(text(message, "reason"));
      if (reason === undefined) throw violation("an unknown reason");
      return { type: "unfrozen", run: text(message, "run"), reason };
    }
    case "done":
      return {
        type: "done",
        run: text(message, "run"),
        outcome: parseOutcome(message.get("outcome")),
        logs: list(message, "logs").map(parseLog),
        peakMemoryBytes: count(message, "peakMemoryBytes"),
      };
    default:
      throw violation("an unknown message type");
  }
}

function parseCall(value: unknown): GuestCall {
  const call = record(value, "call");
  const operation = requireOperation(text(call, "operation"));
  const target = text(call, "target");
  if (target.length > MAX_TARGET_CHARACTERS) throw violation("a target over its length");
  return { id: count(call, "id"), operation, target, args: text(call, "args") };
}

function parseLog(value: unknown): LogEntry {
  const entry = record(value, "log entry");
  return { level: requireLogLevel(text(entry, "level")), text: text(entry, "text") };
}

function parseOutcome(value: unknown): RuntimeOutcome {
  const outcome = record(value, "outcome");
  switch (outcome.get("status")) {
    case "returned":
      return { status: "returned", json: text(outcome, "json") };
    case "threw":
      return { status: "threw", error: parseProgramError(outcome.get("error")) };
    case "stopped": {
      const reason = text(outcome, "reason");
      if (!isOneOf<RuntimeStopReason>(REASONS, reason)) throw violation("an unknown stop reason");
      return { status: "stopped", reason, message: text(outcome, "message") };
    }
    default:
      throw violation("an unknown outcome");
  }
}

/** Throws 403 for what is no {@link ProgramError}. */
export function parseProgramError(value: unknown): ProgramError {
  const error = record(value, "error");
  const position = (key: string): number | undefined => (error.has(key) ? count(error, key) : undefined);
  const optional = (key: string): string | undefined => (error.has(key) ? text(error, key) : undefined);
  const [line, column, stack, hint] = [
    position("line"),
    position("column"),
    optional("stack"),
    optional("hint"),
  ];
  return {
    name: text(error, "name"),
    message: text(error, "message"),
    kind: text(error, "kind"),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(stack === undefined ? {} : { stack }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Throws 403 for a name that is no operation. */
export function requireOperation(name: string): GuestOperation {
  if (!isOneOf<GuestOperation>(OPERATIONS, name)) throw violation("an unknown operation");
  return name;
}

/** Throws 403 for a name that is no log level. */
export function requireLogLevel(name: string): LogLevel {
  if (!isOneOf<LogLevel>(LEVELS, name)) throw violation("an unknown log level");
  return name;
}

function isOneOf<T extends string>(names: ReadonlySet<string>, name: string): name is T {
  return names.has(name);
}

function record(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (!isJsonObject(value)) throw violation(`a ${what} that is no object`);
  return new Map(Object.entries(value));
}

function text(from: ReadonlyMap<string, unknown>, key: string): string {
  const value = from.get(key);
  if (typeof value !== "string") throw violation(`a field ${key} that is no text`);
  return value;
}

function count(from: ReadonlyMap<string, unknown>, key: string): number {
  return countOf(from.get(key), key);
}

function countOf(value: unknown, key: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw violation(`a field ${key} that is no count`);
  }
  return value;
}

function list(from: ReadonlyMap<string, unknown>, key: string): readonly unknown[] {
  const value = from.get(key);
  if (!Array.isArray(value)) throw violation(`a field ${key} that is no list`);
  return value;
}

function violation(what: string): OptimizerError {
  return new OptimizerError(`The runtime sent ${what}.`, { code: 403, kind: "protocol_violation" });
}
