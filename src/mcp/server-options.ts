import type { AuthProvider, OAuthClientProvider, Transport } from "@modelcontextprotocol/client";
import { OptimizerError } from "../base/errors.ts";

/** How one MCP server is reached: by its `url`, or by a `transport` of the embedder's own. The rest has defaults. */
export interface ServerOptions {
  /** The MCP endpoint, `http:` or `https:`; in a page it may be relative to the page. */
  readonly url?: string;
  /** Sent with every request to this server, for example an API key. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * `auto` (default) tries Streamable HTTP and falls back to the older HTTP+SSE where the server
   * answers 4xx. A function makes its own transport, in-memory for instance; it is called once for
   * each connection attempt and the source closes what it returns.
   */
  readonly transport?: "auto" | "http" | "sse" | (() => Transport);
  /** Passed to the SDK's HTTP transports as it is. */
  readonly auth?: AuthProvider | OAuthClientProvider;
  /** Bound on one handshake and on each page of the tool list. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Bound on one tool call, its approvals and retries by the server included. Default 60,000. */
  readonly callTimeoutMs?: number;
  /** Largest answer that is read from the server, in bytes on the wire after decompression. Default 16 MiB. */
  readonly maxResponseBytes?: number;
  /** Tools beyond this number are not listed. Default 5,000. */
  readonly maxTools?: number;
}

/** `ServerOptions` with every default filled in and every value checked. */
export interface ResolvedServerOptions {
  readonly id: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly transport: "auto" | "http" | "sse" | (() => Transport);
  readonly auth: AuthProvider | OAuthClientProvider | undefined;
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxTools: number;
}

/**
 * Checks what an embedder wrote for one server.
 *
 * @throws OptimizerError 400 `bad_url` or `bad_server_options`, which names the server and the option.
 */
export function resolveServerOptions(id: string, input: string | ServerOptions): ResolvedServerOptions {
  const options = typeof input === "string" ? { url: input } : input;
  if (typeof id !== "string" || id === "")
    throw invalid(id, "its name is empty", "Give every server a name.");
  if (typeof options !== "object" || options === null) {
    throw invalid(id, "it is neither a URL nor an options object", 'Write { url: "https://…/mcp" }.');
  }
  return {
    id,
    url:
      typeof options.transport === "function" && options.url === undefined
        ? new URL(`memory:${encodeURIComponent(id)}`)
        : resolveUrl(id, options.url),
    headers: resolveHeaders(id, options.headers),
    transport: resolveTransport(id, options.transport),
    auth: options.auth,
    connectTimeoutMs: positive(id, "connectTimeoutMs", options.connectTimeoutMs, 10_000),
    callTimeoutMs: positive(id, "callTimeoutMs", options.callTimeoutMs, 60_000),
    maxResponseBytes: positive(id, "maxResponseBytes", options.maxResponseBytes, 16 * 1024 * 1024),
    maxTools: positive(id, "maxTools", options.maxTools, 5_000),
  };
}

function resolveUrl(id: string, value: unknown): URL {
  if (typeof value !== "string" || value.trim() === "") {
    throw badUrl(
      id,
      "it has no url",
      'Write the full address of its MCP endpoint, such as "https://example.com/mcp".',
    );
  }
  const base = typeof location === "undefined" ? undefined : location.href;
  if (!URL.canParse(value, base)) {
    throw badUrl(
      id,
      `its url ${JSON.stringify(value)} is not a URL`,
      'Write it in full: "https://example.com/mcp".',
    );
  }
  const url = new URL(value, base);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw badUrl(
      id,
      `its url has the scheme ${url.protocol}`,
      "Only http: and https: are reached directly. A stdio server needs a bridge such as mcp-proxy.",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw badUrl(id, "its url holds a user name or password", "Send credentials in `headers` or by `auth`.");
  }
  url.hash = "";
  return url;
}

function resolveHeaders(
  id: string,
  headers: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch (cause) {
    throw invalid(
      id,
      "its headers hold a name or value that HTTP forbids",
      "Check `headers` for line breaks.",
      cause,
    );
  }
}

function resolveTransport(
  id: string,
  transport: ServerOptions["transport"],
): ResolvedServerOptions["transport"] {
  if (transport === undefined) return "auto";
  if (typeof transport === "function" || ["auto", "http", "sse"].includes(transport)) return transport;
  throw invalid(
    id,
    `its transport ${JSON.stringify(transport)} is unknown`,
    'Use "auto", "http", "sse" or a function.',
  );
}

function positive(id: string, name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw invalid(id, `its ${name} is ${String(value)}`, `Set ${name} to a positive number, or leave it out.`);
}

function badUrl(id: string, problem: string, hint: string): OptimizerError {
  return refuse(id, "bad_url", problem, hint, undefined);
}

function invalid(id: string, problem: string, hint: string, cause?: unknown): OptimizerError {
  return refuse(id, "bad_server_options", problem, hint, cause);
}

function refuse(id: string, kind: string, problem: string, hint: string, cause: unknown): OptimizerError {
  const message = `Server ${JSON.stringify(id)} cannot be used: ${problem}.`;
  return new OptimizerError(message, { code: 400, kind, hint, cause });
}
