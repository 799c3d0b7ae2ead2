// What crosses here: the calls of a guest, which may name anything and pass anything, and the answers
// of servers, which may hold anything. Each call is checked against the catalog and the tool's schema
// before it leaves; what comes back goes on as plain JSON.

import { encodeBase64 } from "../base/base64.ts";
import { assertNever, findOptimizerError, messageOf, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { TokenCounter } from "../base/tokens.ts";
import type { Handles } from "../context/handles.ts";
import type { SessionContext } from "../context/session-context.ts";
import {
  type GuestCall,
  type GuestError,
  type GuestPort,
  type GuestReply,
  HELD,
  type LogEntry,
  type SandboxNotice,
} from "../protocol/guest-protocol.ts";
import type { RequestTrace, ToolCallStart } from "../telemetry/trace.ts";
import type { ApprovalRequest } from "./approval.ts";
import type { ArgumentChecker, ArgumentProblem } from "./arguments.ts";
import type { Catalog, CatalogTool } from "./catalog.ts";
import type { FindObserved } from "./observed-shapes.ts";
import type { RunPolicy } from "./policy.ts";
import type { CallTool } from "./tool-answer.ts";
import { unavailableError } from "./unavailable-error.ts";

/** One tool call of a run, as the caller of the run sees it. */
export interface ToolCallRecord {
  /** The tool's ref, or the path as the program wrote it when there is no such tool. */
  readonly name: string;
  /** Milliseconds from the request to the answer. */
  readonly ms: number;
  /** Size of the answer as JSON. Bytes. */
  readonly bytes: number;
  /** The answer was kept, or came for an equal call under way: this call sent no request of its own. */
  readonly cached: boolean;
  /** Absent when the call succeeded. */
  readonly error?: { readonly kind: string; readonly message: string; readonly mayHaveExecuted: boolean };
}

/** What happens during a run, as it happens. */
export type BrokerEvent =
  | { readonly type: "tool_call"; readonly call: number; readonly name: string; readonly args: JsonObject }
  | {
      readonly type: "tool_progress";
      readonly call: number;
      readonly progress: number;
      readonly total?: number;
      readonly message?: string;
    }
  | ({ readonly type: "tool_result"; readonly call: number } & ToolCallRecord)
  /** A call waits for somebody's decision. */
  | { readonly type: "approval"; readonly request: ApprovalRequest }
  | ({ readonly type: "log" } & LogEntry)
  | SandboxNotice;

export interface BrokerOptions {
  readonly catalog: Catalog;
  readonly context: SessionContext;
  /** What earlier programs of the session returned, and was too large for a model. */
  readonly handles: Handles;
  /** Makes the calls that were checked. */
  readonly callTool: CallTool;
  /** What tools without an output schema returned so far, for descriptions and hints. */
  readonly findObserved: FindObserved;
  readonly countTokens: TokenCounter;
  /** Loaded by the first call: a page that makes none has less to fetch. */
  readonly loadChecker: () => Promise<ArgumentChecker>;
  /** Largest answer that goes to a guest. Bytes. */
  readonly maxMessageBytes: number;
  /** Longest description that `tools.describe` gives. Tokens. */
  readonly maxDescribeTokens: number;
  readonly language: "typescript" | "python";
  readonly policy: RunPolicy;
  /** What a resumed run did before. */
  readonly before?: { readonly records: readonly ToolCallRecord[]; readonly logs: readonly LogEntry[] };
  readonly onEvent: (event: BrokerEvent) => void;
  /** Absent while nothing is measured. */
  readonly trace?: RequestTrace | undefined;
}

/** Answers the calls of one run and keeps the record of them. */
export interface Broker extends GuestPort {
  readonly records: readonly ToolCallRecord[];
  readonly logs: readonly LogEntry[];
  /** Calls that wait for somebody's decision. */
  readonly approvals: readonly ApprovalRequest[];
}

/** Values in the arguments of one call: reading them holds the page's thread. */
const MAX_ARGUMENT_VALUES = 100_000;

/** Texts up to this length cost the page next to nothing. Each longer one is read, checked, and sent on, in a task of its own. */
const CHEAP_CHARACTERS = 16 * 1024;

export function createBroker(options: BrokerOptions): Broker {
  const { catalog, context, handles, countTokens, loadChecker, maxMessageBytes, policy, onEvent } = options;
  const records = [...(options.before?.records ?? [])];
  const logs = [...(options.before?.logs ?? [])];
  const approvals: ApprovalRequest[] = [];

  let lastTask: Promise<void> = Promise.resolve();
  /** Many calls may come in one message: in one task their arguments would hold the page for seconds. */
  const ownTask = async (text: string, signal: AbortSignal): Promise<void> => {
    if (text.length <= CHEAP_CHARACTERS) return;
    lastTask = lastTask.then(nextTask);
    await lastTask;
    requireRunning(signal);
  };

  const answer = async (call: GuestCall, signal: AbortSignal): Promise<GuestReply | typeof HELD> => {
    await ownTask(call.args, signal);
    const args = parseJson(call.args, MAX_ARGUMENT_VALUES);
    if (!isJsonObject(args)) {
      throw new OptimizerError(`${call.target || call.operation} takes one object, such as { key: value }.`, {
        code: 400,
        kind: "invalid_arguments",
        hint: `Pass the arguments by name in one object, with at most ${MAX_ARGUMENT_VALUES} values in all.`,
      });
    }
    switch (call.operation) {
      case "tool":
        return callTool(call, args, signal);
      case "search": {
        const hits = catalog.search(
          typeof args.query === "string" ? args.query : "",
          typeof args.limit === "number" ? { limit: args.limit } : {},
        );
        return replyWith(hits.map((hit) => hit.line).join("\n") || "No tool fits. Try other words.");
      }
      case "describe": {
        const names = Array.isArray(args.names) ? args.names.map(String) : [];
        const asked = typeof args.maxTokens === "number" ? args.maxTokens : options.maxDescribeTokens;
        const maxTokens = Math.min(Math.max(40, asked), 20_000);
        const tools = names.map((name) => requireTool(catalog, name));
        const { describeTools } = await import("./describe.ts");
        const { language, findObserved } = options;
        const { text } = await describeTools(tools, { language, maxTokens, countTokens, findObserved });
        return replyWith(text);
      }
      case "context_get": {
        await policy.reads();
        const value = (await context.get(requireKey(args))) ?? "null";
        const json = typeof value === "string" ? value : JSON.stringify({ $bytes: encodeBase64(value) });
        return { ok: true, json, bytes: json.includes('"$bytes"') };
      }
      case "context_set":
        await policy.writes();
        await handles.giveWay(() => context.set(requireKey(args), JSON.stringify(args.value ?? null)));
        return replyWith(null);
      case "context_delete":
        return replyWith(await context.delete(requireKey(args)));
      case "context_keys":
        await policy.reads();
        return replyWith([...(await context.keys())]);
      case "context_open": {
        await policy.reads();
        const { json } = await handles.open(args.handle);
        const size = textBytes(json);
        if (size > maxMessageBytes) throw valueTooLarge(size, maxMessageBytes);
        return { ok: true, json, bytes: json.includes('"$bytes"') };
      }
      default:
        return assertNever(call.operation);
    }
  };

  const callTool = async (
    call: GuestCall,
    args: JsonObject,
    signal: AbortSignal,
  ): Promise<GuestReply | typeof HELD> => {
    const started = performance.now();
    const tool = catalog.find(call.target);
    const name = tool?.ref ?? call.target.slice(0, 200);
    onEvent({ type: "tool_call", call: call.id, name, args });
    const span = options.trace?.toolCall({ call: call.id, args, ...factsOf(tool) });
    let sent = false;
    let cached = false;
    const record = (bytes: number, error?: ToolCallRecord["error"]): void => {
      const entry: ToolCallRecord = {
        name,
        ms: performance.now() - started,
        bytes,
        cached,
        ...(error === undefined ? {} : { error }),
      };
      records.push(entry);
      onEvent({ type: "tool_result", call: call.id, ...entry });
    };
    try {
      const known = tool ?? requireTool(catalog, call.target);
      const check = await loadChecker();
      await ownTask(call.args, signal);
      requireNone(known, await check(known.definition.inputSchema, args, { json: call.args, signal }));
      const verdict = await policy.check(known, args, call.id, signal);
      requireRunning(signal);
      if (verdict.verdict === "deny") throw verdict.error;
      if (verdict.verdict === "ask") {
        approvals.push(verdict.request);
        onEvent({ type: "approval", request: verdict.request });
        span?.end({ outcome: "held", sent, cached });
        return HELD;
      }
      // Whatever comes back, an error's words too, the program has seen.
      policy.seen(known);
      sent = true;
      const answer = await options.callTool(known, args, {
        signal,
        ...(span?.context === undefined ? {} : { trace: span.context }),
        onProgress: (progress) => onEvent({ type: "tool_progress", call: call.id, ...progress }),
      });
      cached = answer.cached;
      if (answer.size > maxMessageBytes) {
        const { listHint } = await import("./observed-hint.ts");
        throw resultTooLarge(known, answer.size, maxMessageBytes, listHint(known, options.findObserved));
      }
      record(answer.size);
      span?.end({ outcome: "ok", sent, cached, json: answer.json });
      return { ok: true, json: answer.json, bytes: answer.bytes };
    } catch (error) {
      const failure = toGuestError(error, name);
      record(0, {
        kind: failure.kind,
        message: failure.message,
        mayHaveExecuted: sent && failure.code !== 400,
      });
      span?.end({ outcome: "error", kind: failure.kind, sent, cached });
      return { ok: false, error: tool === undefined ? failure : { ...failure, server: tool.namespace } };
    }
  };

  return {
    records,
    logs,
    approvals,
    get namespaces() {
      return catalog.namespaces.map(({ namespace }) => namespace);
    },
    async call(call, signal) {
      try {
        const reply = await answer(call, signal);
        // What made a long answer held the page already.
        if (reply !== HELD && reply.ok) await ownTask(reply.json, signal);
        return reply;
      } catch (error) {
        return { ok: false, error: toGuestError(error) };
      }
    },
    notice: onEvent,
    log(entries) {
      for (const entry of entries) {
        logs.push(entry);
        onEvent({ type: "log", ...entry });
      }
    },
  };
}

/** What a trace knows of a tool; of one that does not exist nothing, whatever the program called it. */
function factsOf(tool: CatalogTool | undefined): Pick<ToolCallStart, "ref" | "server" | "remote"> {
  if (tool === undefined) return { remote: false };
  return { ref: tool.ref, server: tool.source.id, remote: tool.source.identity !== undefined };
}

/** The tool of a path. Throws 400 `unknown_tool` with the nearest names, or why its server is away. */
export function requireTool(catalog: Catalog, path: string): CatalogTool {
  const tool = catalog.find(path);
  if (tool !== undefined) return tool;
  const [server = ""] = path.split(".");
  const namespace = catalog.namespaces.find((one) => one.namespace === server || one.source.id === server);
  if (namespace?.source.status.state === "unavailable")
    throw unavailableError(server, namespace.source.status);
  const nearest = catalog.nearest(path);
  throw new OptimizerError(`There is no tool ${path.slice(0, 200)}.`, {
    code: 400,
    kind: "unknown_tool",
    hint:
      nearest.length > 0
        ? `Did you mean ${nearest.map(({ ref }) => `tools.${ref}`).join(", ")}?`
        : 'Find tools with await tools.search("what you need").',
  });
}

/** Throws 400 `invalid_arguments` that names each wrong field. */
function requireNone(tool: CatalogTool, problems: readonly ArgumentProblem[]): void {
  if (problems.length === 0) return;
  throw new OptimizerError(
    `Wrong arguments for ${tool.ref}: ${problems.map(({ message }) => message).join("; ")}`,
    {
      code: 400,
      kind: "invalid_arguments",
      hint: `Its signature: await tools.describe("${tool.ref}").`,
    },
  );
}

/** Resolves in the next task. Not by a timer: in a hidden page those come once a second. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function requireRunning(signal: AbortSignal): void {
  if (signal.aborted) throw new OptimizerError("The run ended.", { code: 408, kind: "cancelled" });
}

function requireKey(args: JsonObject): string {
  if (typeof args.key === "string" && args.key.length > 0 && args.key.length <= 512) return args.key;
  throw new OptimizerError("A context key is a text of 1 to 512 characters.", {
    code: 400,
    kind: "invalid_arguments",
  });
}

function resultTooLarge(tool: CatalogTool, bytes: number, maxBytes: number, lists: string): OptimizerError {
  const properties = tool.definition.inputSchema?.["properties"];
  const names = Object.keys(isJsonObject(properties) ? properties : {});
  const paging = names.filter((name) =>
    /limit|page|cursor|offset|size|count|filter|fields|query/i.test(name),
  );
  return new OptimizerError(
    `The answer of ${tool.ref} has ${bytes} bytes; at most ${maxBytes} go to a program.`,
    {
      code: 429,
      kind: "result_too_large",
      hint: [
        paging.length > 0
          ? `Ask for less at a time with ${paging.join(", ")} and loop.`
          : "Ask for a smaller part, or raise limits.maxMessageBytes.",
        lists,
      ]
        .join(" ")
        .trim(),
    },
  );
}

function valueTooLarge(bytes: number, maxBytes: number): OptimizerError {
  return new OptimizerError(`The value has ${bytes} bytes; at most ${maxBytes} go to a program.`, {
    code: 429,
    kind: "result_too_large",
    hint: "Return it in smaller parts, or raise limits.maxMessageBytes.",
  });
}

/** Words of a tool's error that go to a program. */
const MAX_ERROR_CHARS = 4_000;

/** What a guest may know of a failure. */
function toGuestError(error: unknown, tool?: string): GuestError {
  const known = findOptimizerError(error);
  return {
    name: "ToolError",
    message: (known === undefined ? messageOf(error) : known.message).slice(0, MAX_ERROR_CHARS),
    kind: known?.kind ?? "internal",
    code: known?.code ?? 500,
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    ...(tool === undefined ? {} : { tool }),
  };
}

function replyWith(value: Json): GuestReply {
  return { ok: true, json: JSON.stringify(value) };
}
