// What crosses here: suspended runs as the store gives them back. They may be of another version, or have
// lost something: what can't be read is never resumed.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../base/json.ts";
import { type FrozenRun, parseFrozenRun } from "../protocol/frozen-run.ts";
import type { LogEntry } from "../protocol/guest-protocol.ts";
import type { Limits } from "../sandbox/limits.ts";
import type { ApprovalRequest } from "../tools/approval.ts";
import type { ToolCallRecord } from "../tools/broker.ts";
import type { OpenArea } from "./open-area.ts";

/** What goes on when a run is resumed: a program, or the one call of a tool. */
export type SuspendedTask =
  | { readonly type: "program"; readonly sandbox: string; readonly frozen: FrozenRun }
  | { readonly type: "tool"; readonly ref: string; readonly args: JsonObject };

/** A run that waits for decisions, with all that it needs to go on. */
export interface SuspendedRun {
  readonly runId: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly suspendedAt: number;
  readonly task: SuspendedTask;
  readonly approvals: readonly ApprovalRequest[];
  readonly taint: readonly string[];
  readonly logs: readonly LogEntry[];
  readonly toolCalls: readonly ToolCallRecord[];
  readonly limits: Limits;
  readonly maxTokens: number;
  /** It is kept while it waits, then too when it goes on. */
  readonly durable: boolean;
  /** Refs of the only tools that it may call. Absent: all. */
  readonly tools?: readonly string[];
}

/** Keeps suspended runs in their sessions. A token opens one, once. */
export interface Suspensions {
  /** Resolves with the token. Rejects with 429 when there is no room. */
  put(run: SuspendedRun): Promise<string>;
  /** Rejects with 400 `unknown_token` when there is no such run, or no longer. */
  peek(token: string): Promise<SuspendedRun>;
  /** Takes it away: of several who try, in whatever tab, one gets it. Rejects as `peek`. */
  take(token: string): Promise<void>;
  /** A token for a run that is not kept yet. */
  tokenFor(session: string): string;
  /** Keeps a run under a token, also one that was taken and could not go on. Rejects with 429 when there is no room. */
  restore(token: string, run: SuspendedRun): Promise<void>;
  /** Deletes what is kept under a token, if something is. */
  forget(token: string): Promise<void>;
  /** Tokens of the runs of a session that wait. */
  list(session: string): Promise<readonly string[]>;
}

const FORMAT = 1;

export function createSuspensions(openArea: OpenArea): Suspensions {
  const tokenFor = (session: string): string => `${encodeURIComponent(session)}~${crypto.randomUUID()}`;
  return {
    tokenFor,
    async put(run) {
      const token = tokenFor(run.session);
      await openArea(run.session, "suspended").set(token, write(run));
      return token;
    },
    async peek(token) {
      const session = sessionOf(token);
      const value = await openArea(session, "suspended").get(token);
      if (typeof value !== "string") throw unknownToken();
      const run = read(value);
      // A file of one session must not bring a run of another one.
      if (run.session !== session) throw unsound("it is of another session");
      return run;
    },
    async take(token) {
      if (!(await openArea(sessionOf(token), "suspended").delete(token))) throw unknownToken();
    },
    async forget(token) {
      await openArea(sessionOf(token), "suspended").delete(token);
    },
    restore: (token, run) => openArea(sessionOf(token), "suspended").set(token, write(run)),
    list: (session) => openArea(session, "suspended").keys(),
  };
}

function sessionOf(token: unknown): string {
  const [, session] = (typeof token === "string" && /^(.+)~[0-9a-f-]{36}$/.exec(token)) || [];
  try {
    if (session !== undefined) return decodeURIComponent(session);
  } catch {
    // Said below.
  }
  throw unknownToken();
}

function unknownToken(): OptimizerError {
  return new OptimizerError("No run waits under this token.", {
    code: 400,
    kind: "unknown_token",
    hint: "It was resumed already, its session is gone, or the token is not one of this engine.",
  });
}

function write(run: SuspendedRun): string {
  const { task } = run;
  if (task.type === "tool") return JSON.stringify({ format: FORMAT, ...run });
  const frozen = { ...task.frozen, snapshot: encodeBase64(task.frozen.snapshot) };
  return JSON.stringify({ format: FORMAT, ...run, task: { ...task, frozen } });
}

/** The fields that decide what happens are checked one by one; the rest is shown, or checked where it is used. */
function read(text: string): SuspendedRun {
  const value = parseJson(text);
  if (!isJsonObject(value) || value.format !== FORMAT || !isSuspendedRun(value)) {
    throw new OptimizerError("The suspended run can't be read.", {
      code: 400,
      kind: "snapshot_outdated",
      hint: "Another version of this package wrote it. Run the program again from its beginning.",
    });
  }
  return { ...value, task: readTask(value.task) };
}

type Stored = Omit<SuspendedRun, "task"> & { readonly task: JsonObject };

function isSuspendedRun(value: JsonObject): value is JsonObject & Stored {
  const { runId, session, suspendedAt, task, approvals, taint, logs, toolCalls } = value;
  const { limits, maxTokens, durable, tools = [] } = value;
  return (
    typeof runId === "string" &&
    typeof session === "string" &&
    typeof suspendedAt === "number" &&
    isJsonObject(task) &&
    Array.isArray(approvals) &&
    approvals.every(isApproval) &&
    Array.isArray(taint) &&
    taint.every((ref: Json) => typeof ref === "string") &&
    Array.isArray(logs) &&
    Array.isArray(toolCalls) &&
    isJsonObject(limits) &&
    typeof maxTokens === "number" &&
    typeof durable === "boolean" &&
    Array.isArray(tools) &&
    tools.every((ref: Json) => typeof ref === "string")
  );
}

function isApproval(value: Json): boolean {
  return (
    isJsonObject(value) &&
    typeof value.id === "string" &&
    typeof value.call === "number" &&
    typeof value.tool === "string" &&
    isJsonObject(value.args) &&
    typeof value.definitionSha256 === "string"
  );
}

function readTask(task: JsonObject): SuspendedTask {
  const { type, sandbox, frozen, ref, args } = task;
  if (type === "tool" && typeof ref === "string" && isJsonObject(args)) return { type, ref, args };
  if (type === "program" && typeof sandbox === "string" && isJsonObject(frozen)) {
    const { snapshot } = frozen;
    const bytes = typeof snapshot === "string" ? decodeBase64(snapshot) : undefined;
    return { type, sandbox, frozen: parseFrozenRun({ ...frozen, snapshot: bytes }) };
  }
  throw unsound("it holds nothing that could go on");
}

function unsound(problem: string): OptimizerError {
  return new OptimizerError(`The suspended run can't be used: ${problem}.`, {
    code: 403,
    kind: "integrity",
    hint: "Run the program again from its beginning.",
  });
}
