// What crosses here: messages of whoever has the other end of a port. They may lie; the SDK reads each of them.

import { type JSONRPCMessage, parseJSONRPCMessage, type ServerContext } from "@modelcontextprotocol/server";
import type { Optimizer } from "../create-optimizer.ts";
import { createToolServer } from "../engine/tool-server.ts";
import type { ApprovalRequest } from "../tools/approval.ts";
import { type AdaptorOptions, decideAll, runTool, runToolAsking, type ToolEngine } from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/** What serving it takes of an optimizer. */
export type ServedEngine = ToolEngine & Pick<Optimizer, "search" | "onChange">;

/**
 * Serves the engine as an MCP server on a port: `run_code`, and `search_tools`. Disposing it ends the programs of its client.
 *
 * A call that needs a word is asked about by elicitation, of the user of a client that can do that; any other client gets
 * the output `suspended`, and `optimizer.resume` of the embedder goes on. Progress tells which tools a program calls.
 */
export async function serveMcp(
  engine: ServedEngine,
  port: MessagePort,
  options: AdaptorOptions = {},
): Promise<AsyncDisposable> {
  const served = createToolServer({
    tool: engine.tool,
    search: (query, searchOptions) => engine.search(query, searchOptions),
    execute(input, { context, onEvent: progress }) {
      const heard: AdaptorOptions = {
        ...options,
        onEvent(event) {
          options.onEvent?.(event);
          progress(event);
        },
      };
      const { signal } = context.mcpReq;
      return served.server.server.getClientCapabilities()?.elicitation === undefined
        ? runTool(engine, input, heard, signal)
        : runToolAsking(engine, input, (approvals) => elicit(context, approvals), heard, signal);
    },
  });
  const unlisten = engine.onChange(() => served.describe(engine.tool));
  await served.server.connect(messagePortTransport(port));
  return {
    async [Symbol.asyncDispose]() {
      unlisten();
      await served.server.close();
    },
  };
}

/** One end of a port, as MCP clients and servers of any package take it. */
export interface PortTransport {
  start(): Promise<void>;
  send(message: JSONRPCMessage): Promise<void>;
  close(): Promise<void>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
}

/** The transport of either side: hand it to an MCP client with the other end of a `MessageChannel`. It closes the port. */
export function messagePortTransport(port: MessagePort): PortTransport {
  const transport: PortTransport = {
    async start() {
      port.onmessage = ({ data }: MessageEvent<unknown>) => {
        let message: JSONRPCMessage;
        try {
          message = parseJSONRPCMessage(data);
        } catch (error) {
          transport.onerror?.(error instanceof Error ? error : new Error("No message of JSON-RPC."));
          return;
        }
        transport.onmessage?.(message);
      };
    },
    async send(message) {
      port.postMessage(message);
    },
    async close() {
      port.onmessage = null;
      port.close();
      transport.onclose?.();
    },
  };
  return transport;
}

/** Asks the client's user. Whatever is no clear yes is a no. */
async function elicit({ mcpReq }: ServerContext, approvals: readonly ApprovalRequest[]) {
  const message = approvals
    .map((request) => `${request.message}\n${request.tool}(${JSON.stringify(request.args)})`)
    .join("\n\n");
  const { action, content } = await mcpReq.elicitInput(
    {
      message,
      requestedSchema: {
        type: "object",
        properties: { allow: { type: "boolean", title: "Allow it" } },
        required: ["allow"],
      },
    },
    { signal: mcpReq.signal },
  );
  return decideAll(approvals, action === "accept" && content?.["allow"] === true);
}
