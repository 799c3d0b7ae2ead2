import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import * as z from "zod/v4";
import { applyCors } from "./cors.ts";
import { FIX_STRATEGIES, SERVICES, SEVERITIES, STATUSES } from "./error-records.ts";
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

const record = z.object({
  id: z.string(),
  service: z.enum(SERVICES),
  severity: z.enum(SEVERITIES),
  code: z.string(),
  message: z.string(),
  fingerprint: z.string().describe("Equal fingerprints have one cause"),
  culprit: z.string(),
  route: z.string(),
  method: z.string(),
  region: z.string(),
  release: z.string(),
  environment: z.enum(["production", "staging"]),
  occurrences: z.number().int(),
  usersAffected: z.number().int(),
  firstSeen: z.string().describe("ISO 8601, UTC"),
  lastSeen: z.string().describe("ISO 8601, UTC"),
  status: z.enum(STATUSES),
  assignee: z.string().nullable(),
});

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
      inputSchema: z.object({
        service: z.enum(SERVICES).optional(),
        severity: z.enum(SEVERITIES).optional(),
        status: z.enum(STATUSES).optional(),
        code: z.string().optional().describe("Exact code, such as DB_POOL_EXHAUSTED"),
        environment: z.enum(["production", "staging"]).optional(),
        since: z.string().optional().describe("ISO 8601: seen at or after this moment"),
        query: z.string().optional().describe("Text in message, culprit or route"),
        limit: z.number().int().min(1).max(10_000).default(100),
        cursor: z.string().optional().describe("nextCursor of the page before"),
      }),
      outputSchema: z.object({
        errors: z.array(record),
        total: z.number().int(),
        nextCursor: z.string().nullable(),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ limit, cursor, ...filter }) => answer(() => ({ ...store.list(filter, limit, cursor) })),
  );

  server.registerTool(
    "analyze_error",
    {
      title: "Analyze an error",
      description: "Find the probable cause of one error, errors with the same cause, and the fix to apply.",
      inputSchema: z.object({ id: z.string().describe("Such as ERR-00042, from list_errors") }),
      outputSchema: z.object({
        id: z.string(),
        probableCause: z.string(),
        confidence: z.number().min(0).max(1),
        similarIds: z.array(z.string()),
        affectedUsersTotal: z.number().int(),
        suggestedFix: z.string(),
        suggestedStrategy: z.enum(FIX_STRATEGIES),
      }),
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
      inputSchema: z.object({
        id: z.string().describe("Such as ERR-00042, from list_errors"),
        strategy: z.enum(FIX_STRATEGIES).describe("suggestedStrategy of analyze_error"),
        dryRun: z.boolean().default(false),
      }),
      outputSchema: z.object({
        id: z.string(),
        strategy: z.enum(FIX_STRATEGIES),
        dryRun: z.boolean(),
        changed: z.boolean(),
        previousStatus: z.enum(STATUSES),
        status: z.enum(STATUSES),
        note: z.string(),
      }),
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
