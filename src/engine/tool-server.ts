import {
  type CallToolResult,
  fromJsonSchema,
  McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { VERSION } from "../version.ts";
import type { ModelOutput } from "./model-output.ts";
import type { ModelTool } from "./model-tool.ts";
import type { Offer } from "./offer.ts";
import type { RunEvent } from "./run-result.ts";

export interface ToolServerParts {
  readonly tool: Pick<ModelTool, "name" | "description" | "inputSchema">;
  readonly search: Offer["search"];
  /** Runs what a client sent. It never rejects. */
  readonly execute: (
    input: unknown,
    request: { readonly context: ServerContext; readonly onEvent: (event: RunEvent) => void },
  ) => Promise<ModelOutput>;
}

/** An engine as an MCP server: two tools in place of all. */
export interface ToolServer {
  readonly server: McpServer;
  /** Tells clients that listen that the tool is described anew. */
  describe(tool: Pick<ModelTool, "description">): void;
}

export function createToolServer({ tool, search, execute }: ToolServerParts): ToolServer {
  const server = new McpServer({ name: "mcp-optimizer", version: VERSION });
  const registered = server.registerTool(
    tool.name,
    {
      title: "Run a program",
      description: tool.description,
      inputSchema: fromJsonSchema<unknown>(tool.inputSchema),
    },
    async (input, context) =>
      toToolResult(await execute(input, { context, onEvent: createProgress(context) })),
  );
  server.registerTool(
    "search_tools",
    {
      title: "Search tools",
      description: `Lists tools that programs of ${tool.name} can call, by words or a sentence: one line each, with the parameters.`,
      inputSchema: fromJsonSchema<{ readonly query: string; readonly limit?: number }>({
        type: "object",
        properties: { query: { type: "string" }, limit: { type: "integer", minimum: 1, maximum: 50 } },
        required: ["query"],
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ query, limit }) => {
      const hits = search(query, limit === undefined ? {} : { limit });
      const text = hits.map(({ line }) => line).join("\n") || "No tool fits. Try other words.";
      return { content: [{ type: "text", text }] };
    },
  );
  return { server, describe: ({ description }) => registered.update({ description }) };
}

function toToolResult(output: ModelOutput): CallToolResult {
  const isError = output.status === "threw" || output.status === "stopped";
  return { content: [{ type: "text", text: JSON.stringify(output) }], ...(isError ? { isError } : {}) };
}

/** Tells a client that asked for it which tools the program calls. */
function createProgress({ mcpReq }: ServerContext): (event: RunEvent) => void {
  const progressToken = mcpReq._meta?.progressToken;
  let progress = 0;
  return (event) => {
    if (progressToken === undefined || event.type !== "tool_call") return;
    progress += 1;
    const params = { progressToken, progress, message: `calls ${event.name}` };
    // A client that has gone away hears nothing any more.
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
  };
}
