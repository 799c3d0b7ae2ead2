import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { canonicalJson } from "../base/canonical-json.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { OptimizerOptions, PageTool, ServerOptions } from "../index.ts";

/** One answer of a tool, as a saved test has it. */
export type RecordedTool = {
  readonly ref: string;
  readonly args: JsonObject;
} & ({ readonly value: Json } | { readonly error: string });

/**
 * Tools that answer as they were recorded: equal calls in the order in which they were made, the last answer again
 * where more come. A call that was not recorded fails and says so. Nothing leaves the page.
 */
export function recordedTools(calls: readonly RecordedTool[]): Pick<OptimizerOptions, "servers" | "tools"> {
  const namespaces = new Map<string, Map<string, RecordedTool[]>>();
  for (const call of calls) {
    const [namespace = "", ...rest] = call.ref.split(".");
    const tools = namespaces.get(namespace) ?? new Map<string, RecordedTool[]>();
    namespaces.set(namespace, tools);
    const name = rest.join(".");
    tools.set(name, [...(tools.get(name) ?? []), call]);
  }
  const own = [...(namespaces.get("page") ?? [])].map(([name, recorded]): readonly [string, PageTool] => {
    const answer = answersOf(recorded);
    return [name, { call: (args) => answer(args) }];
  });
  const servers = [...namespaces].flatMap(([name, tools]) =>
    name === "page" ? [] : [[name, { transport: () => recordedServer(tools) }] as const],
  );
  return {
    tools: Object.fromEntries(own),
    servers: Object.fromEntries<ServerOptions>(servers),
  };
}

function answersOf(recorded: readonly RecordedTool[]): (args: JsonObject) => Json {
  const left = new Map<string, RecordedTool[]>();
  for (const call of recorded) {
    const key = canonicalJson(call.args) ?? "";
    left.set(key, [...(left.get(key) ?? []), call]);
  }
  return (args) => {
    const equal = left.get(canonicalJson(args) ?? "") ?? [];
    const call = equal.length > 1 ? equal.shift() : equal[0];
    if (call === undefined)
      throw new Error("No such call was recorded: the program calls its tools otherwise now.");
    if ("error" in call) throw new Error(call.error);
    return call.value;
  };
}

/** An MCP server in the page, as little of one as answers two methods. */
function recordedServer(tools: ReadonlyMap<string, readonly RecordedTool[]>): Transport {
  const answers = new Map([...tools].map(([name, recorded]) => [name, answersOf(recorded)]));
  const answer = (method: string, params: Json | undefined): JsonObject | undefined => {
    switch (method) {
      case "initialize":
        return {
          protocolVersion: (isJsonObject(params) ? params["protocolVersion"] : undefined) ?? "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "recorded", version: "1" },
        };
      case "tools/list":
        return { tools: Array.from(tools.keys(), (name) => ({ name, inputSchema: { type: "object" } })) };
      case "tools/call":
        return isJsonObject(params) ? toolResult(answers, params) : undefined;
      default:
        return undefined;
    }
  };
  const transport: Transport = {
    start: async () => {},
    close: async () => transport.onclose?.(),
    async send(message) {
      if (!("method" in message) || !("id" in message)) return;
      const { id, method } = message;
      const json: Json = JSON.parse(JSON.stringify(message.params ?? null));
      const result = answer(method, json);
      const reply: JSONRPCMessage =
        result === undefined
          ? { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } }
          : { jsonrpc: "2.0", id, result };
      queueMicrotask(() => transport.onmessage?.(reply));
    },
  };
  return transport;
}

function toolResult(
  answers: ReadonlyMap<string, (args: JsonObject) => Json>,
  params: JsonObject,
): JsonObject {
  const { name, arguments: args } = params;
  const text = (value: string): readonly JsonObject[] => [{ type: "text", text: value }];
  try {
    const answer = typeof name === "string" ? answers.get(name) : undefined;
    const value = answer?.(isJsonObject(args) ? args : {}) ?? null;
    return isJsonObject(value)
      ? { content: text(JSON.stringify(value)), structuredContent: value }
      : { content: text(JSON.stringify(value)) };
  } catch (error) {
    return { content: text(error instanceof Error ? error.message : String(error)), isError: true };
  }
}
