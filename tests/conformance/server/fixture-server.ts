import { randomBytes } from "node:crypto";
import { createRequestStateCodec, McpServer, type ServerEventBus } from "@modelcontextprotocol/server";
import { registerInputTools } from "./input-tools.ts";
import { registerPrompts } from "./prompts.ts";
import { registerResources } from "./resources.ts";
import { registerTools } from "./tools.ts";

/** Makes the server that the suite's scenarios describe, once for each request or session. */
export function createFixtureFactory(bus: ServerEventBus): () => McpServer {
  const state = createRequestStateCodec<unknown>({ key: randomBytes(32) });
  return () => {
    const server = new McpServer(
      { name: "mcp-optimizer-conformance", version: "1.0.0" },
      {
        capabilities: {
          logging: {},
          completions: {},
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: { subscribe: true },
        },
        requestState: { verify: state.verify },
      },
    );
    registerTools(server, bus);
    registerInputTools(server, state);
    registerResources(server);
    registerPrompts(server);
    return server;
  };
}
