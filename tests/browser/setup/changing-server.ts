import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import * as z from "zod/v4";
import { applyCors } from "../../../demo/servers/cors.ts";
import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";

/** What `GET /seen` tells. */
export interface Seen {
  readonly started: number;
  readonly cancelled: number;
}

/**
 * An MCP server whose tools change while it runs, and one of whose tools waits until it is cancelled.
 *
 * Beside `/mcp`, a test adds a tool with `POST /add?name=…` and asks `GET /seen`.
 */
export async function startChangingServer(): Promise<RunningServer> {
  const names = ["first"];
  let started = 0;
  let cancelled = 0;
  const handler = createMcpHandler(() => {
    const server = new McpServer(
      { name: "changing", version: "1" },
      { capabilities: { tools: { listChanged: true } } },
    );
    for (const name of names) {
      const definition = { description: `The ${name} tool`, inputSchema: z.object({ n: z.number().int() }) };
      server.registerTool(name, definition, ({ n }) => ({
        content: [{ type: "text", text: `${name} ${n}` }],
      }));
    }
    server.registerTool("wait", { description: "Waits until it is cancelled" }, async ({ mcpReq }) => {
      started += 1;
      await new Promise<void>((resolve) => mcpReq.signal.addEventListener("abort", () => resolve()));
      cancelled += 1;
      return { content: [] };
    });
    return server;
  });
  const mcp = toNodeHandler(handler);
  const { port, server } = await listen(
    (request, response) => {
      if (applyCors(request, response)) return;
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      if (url.pathname === "/add") {
        names.push(url.searchParams.get("name") ?? "unnamed");
        handler.notify.toolsChanged();
        response.end("added");
      } else if (url.pathname === "/seen") {
        response.end(JSON.stringify({ started, cancelled } satisfies Seen));
      } else {
        void mcp(
          Object.assign(request, { url: request.url ?? "/", method: request.method ?? "GET" }),
          response,
        );
      }
    },
    { port: 0, host: "127.0.0.1", name: "The changing server" },
  );
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      await handler.close();
      await closeServer(server);
    },
  };
}
