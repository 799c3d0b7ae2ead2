import { randomUUID } from "node:crypto";
import {
  createMcpHandler,
  isLegacyRequest,
  type McpServerFactory,
  type ServerEventBus,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";

/** An MCP endpoint as a function from requests to responses, whatever HTTP server is around it. */
export interface McpEndpoint {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/**
 * Serves one factory in both eras: 2026-07-28 with an instance for each request, and 2025 with an instance
 * for each session, so that a server can ask its client something in the middle of a call.
 *
 * It looks at no Host and no Origin: whoever mounts it does.
 */
export function createMcpEndpoint(createServer: McpServerFactory, bus: ServerEventBus): McpEndpoint {
  const modern = createMcpHandler(createServer, { legacy: "reject", bus });
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

  async function openSession(request: Request): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const server = await createServer({ era: "legacy", requestInfo: request });
    await server.connect(transport);
    const response = await transport.handleRequest(request);
    // Anything else than `initialize` is refused, and nobody could reach this instance again.
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  return {
    async fetch(request) {
      if (!(await isLegacyRequest(request))) return modern.fetch(request);
      const id = request.headers.get("mcp-session-id");
      if (id === null) return openSession(request);
      const session = sessions.get(id);
      return session === undefined ? unknownSession() : session.handleRequest(request);
    },
    async close() {
      await modern.close();
      await Promise.all([...sessions.values()].map((session) => session.close()));
      sessions.clear();
    },
  };
}

function unknownSession(): Response {
  const error = { code: -32_001, message: "Session not found" };
  return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 404 });
}
