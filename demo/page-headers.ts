/** What the headers depend on. */
export interface PageHeadersOptions {
  /** Path of the file, from the root of the site, such as `/index.html`. */
  readonly path: string;
  /** Origins of the MCP servers that the page may call. */
  readonly connect: readonly string[];
}

/**
 * The headers of one file of the demo page: the one place that decides its content security policy.
 *
 * The sandbox frame's document carries a policy of its own, which is stricter.
 */
export function pageHeaders({ path, connect }: PageHeadersOptions): Readonly<Record<string, string>> {
  const common = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  };
  if (path.endsWith("/sandbox.html")) return common;
  return {
    ...common,
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      `connect-src ${["'self'", ...connect].join(" ")}`,
      "frame-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
}
