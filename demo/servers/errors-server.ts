import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { applyCors } from "./cors.ts";
import {
  analyzeErrorInput,
  analyzeErrorOutput,
  fixErrorInput,
  fixErrorOutput,
  listErrorsInput,
  listErrorsOutput,
} from "./error-schemas.ts";
import { BadRequest, createErrorStore, type ErrorStore } from "./error-store.ts";
import { closeServer, listen, type RunningServer } from "./loopback.ts";

/** How the sample server runs. */
export interface ErrorsServerOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 10,000. */
  readonly records?: number;
}

/**
 * Starts the sample error tracker: an MCP server over Streamable HTTP in both protocol eras, for
 * pages and programs of this machine only.
 *
 * @throws Error that names the port, when it is taken.
 */
export async function startErrorsServer(options: ErrorsServerOptions): Promise<RunningServer> {
  const host = options.host ?? "127.0.0.1";
  const store = createErrorStore(options.records ?? 10_000);
  const mcp = toNodeHandler(createMcpHandler(() => createErrorsMcpServer(store)));
  const checkHost = localhostHostValidation();
  const checkOrigin = localhostOriginValidation();
  const { port, server } = await listen(
    (request, response) => {
      // A page elsewhere must not reach this server through a name that resolves to loopback.
      if (!checkHost(request, response) || !checkOrigin(request, response)) return;
      if (applyCors(request, response)) return;
      if (request.url?.split("?")[0] !== "/mcp") {
        response.writeHead(404, { "content-type": "text/plain" }).end("The MCP endpoint is /mcp.\n");
        return;
      }
      // On a server's request both are always set; only the types do not know.
      void mcp(
        Object.assign(request, { url: request.url ?? "/mcp", method: request.method ?? "GET" }),
        response,
      );
    },
    { port: options.port, host, name: "The errors server" },
  );
  return { url: `http://${host}:${port}/mcp`, close: () => closeServer(server) };
}

function createErrorsMcpServer(store: ErrorStore): McpServer {
  const server = new McpServer(
    { name: "errors", title: "Sample error tracker", version: "1.0.0" },
    {
      instructions: "Production errors of a web shop: list and filter them, find their causes, apply fixes.",
    },
  );

  server.registerTool(
    "list_errors",
    {
      title: "List errors",
      description:
        "List errors of the shop's services, oldest id first. Filters combine. Ask for up to 10000 rows at once, or page with cursor.",
      inputSchema: listErrorsInput,
      outputSchema: listErrorsOutput,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ limit, cursor, ...filter }) => answer(() => ({ ...store.list(filter, limit, cursor) })),
  );

  server.registerTool(
    "analyze_error",
    {
      title: "Analyze an error",
      description: "Find the probable cause of one error, errors with the same cause, and the fix to apply.",
      inputSchema: analyzeErrorInput,
      outputSchema: analyzeErrorOutput,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ id }) => answer(() => ({ ...store.analyze(id) })),
  );

  server.registerTool(
    "fix_error",
    {
      title: "Fix an error",
      description:
        "Apply a fix to one error and mark it resolved. Applying the same fix twice changes nothing. With dryRun it only says what it would do.",
      inputSchema: fixErrorInput,
      outputSchema: fixErrorOutput,
      annotations: {
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
      },
    },
    ({ id, strategy, dryRun }) => answer(() => ({ ...store.fix(id, strategy, dryRun) })),
  );

  return server;
}

/** The structured value with its JSON text beside it, or the caller's mistake as a tool error. */
function answer(work: () => Record<string, unknown>) {
  try {
    const structuredContent = work();
    return {
      content: [{ type: "text" as const, text: JSON.stringify(structuredContent) }],
      structuredContent,
    };
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    return { content: [{ type: "text" as const, text: error.message }], isError: true };
  }
}
