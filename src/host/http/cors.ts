/** Request headers that a page may send, beside `mcp-param-*`. */
const ALLOWED_HEADERS = [
  "content-type",
  "accept",
  "authorization",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "traceparent",
  "tracestate",
  "x-mcp-optimizer-token",
] as const;

const EXPOSED_HEADERS = "mcp-session-id, retry-after, www-authenticate";

/** What lets one page read an answer. Only for an origin that was checked. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED_HEADERS,
    vary: "Origin",
  };
}

/** Answers a preflight of an origin that was checked. Cookies are never allowed. */
export function preflightResponse(headers: Headers): Response {
  const extra = (headers.get("access-control-request-headers") ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    // A wildcard can't stand for a prefix, so the names that are asked for are repeated.
    .filter((name) => /^mcp-param-[a-z0-9-]{1,100}$/.test(name));
  const local = headers.get("access-control-request-private-network") === "true";
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": [...ALLOWED_HEADERS, ...extra].join(", "),
      "access-control-max-age": "600",
      ...(local ? { "access-control-allow-private-network": "true" } : {}),
    },
  });
}
