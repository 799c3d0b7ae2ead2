import type { IncomingMessage, ServerResponse } from "node:http";

/** Request headers that MCP clients of both protocol eras send. */
const ALLOWED_HEADERS = new Set([
  "content-type",
  "accept",
  "authorization",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
  "mcp-session-id",
  "last-event-id",
]);

/**
 * Lets the page that asks read the answers, and answers its preflight requests.
 *
 * Call it after the origin was checked: it mirrors whatever origin comes. Returns true when the
 * request was a preflight and is answered.
 */
export function applyCors(request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin !== undefined) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("vary", "Origin");
    response.setHeader("access-control-allow-methods", "GET, POST, DELETE, OPTIONS");
    response.setHeader(
      "access-control-allow-headers",
      allowedHeaders(request.headers["access-control-request-headers"]).join(", "),
    );
    response.setHeader("access-control-expose-headers", "mcp-session-id, www-authenticate");
    response.setHeader("access-control-max-age", "600");
  }
  if (request.method !== "OPTIONS") return false;
  response.statusCode = 204;
  response.end();
  return true;
}

/** Prefixes cannot be written with a wildcard in this header, so the `mcp-param-*` names that are asked for are repeated. */
function allowedHeaders(requested: string | undefined): readonly string[] {
  const extra = (requested ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^mcp-param-[a-z0-9-]+$/.test(name));
  return [...ALLOWED_HEADERS, ...extra];
}
