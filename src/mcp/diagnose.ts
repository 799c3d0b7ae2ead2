import { messageOf } from "../base/errors.ts";
import { scopeMissing } from "./call-error.ts";
import { type ErrorFacts, readErrorFacts } from "./error-facts.ts";
import type { FetchLike } from "./limited-fetch.ts";
import { isLoopback } from "./loopback.ts";

/** Stable names of the reasons why a server's tools cannot be used. */
export type DiagnosisKind =
  | "unreachable"
  | "cors_blocked"
  | "session_header_hidden"
  | "timeout"
  | "unauthorized"
  | "sign_in_required"
  | "insufficient_scope"
  | "not_mcp"
  | "mixed_content"
  | "server_error"
  | "protocol";

/** Why a connection failed and what to change, for the person who runs the page or the server. */
export interface Diagnosis {
  readonly kind: DiagnosisKind;
  readonly message: string;
  readonly hint: string;
  /** Whether waiting may help: false for what only a change of settings repairs. */
  readonly retryable: boolean;
}

/** What the failed attempt is known to have reached. */
export interface ConnectFacts {
  readonly url: URL;
  /** Names of the headers that the embedder adds to each request. */
  readonly headerNames: readonly string[];
  /** The server answered `initialize`. */
  readonly initialized: boolean;
  /** A session id was readable in that answer. */
  readonly sessionSeen: boolean;
  readonly timedOut: boolean;
  readonly connectTimeoutMs: number;
}

/** Where the attempt ran. */
export interface DiagnoseEnvironment {
  readonly fetch: FetchLike;
  /** Address of the page or worker; `undefined` outside browsers, where no CORS applies. */
  readonly pageUrl: string | undefined;
}

/** The request headers of both protocol eras; a server has to allow them before a page may send them. */
const REQUEST_HEADERS =
  "content-type, accept, authorization, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id";
const PROBE_TIMEOUT_MS = 5_000;

/**
 * Turns a failed connection attempt into a cause and a remedy.
 *
 * A browser hides why a request failed ("Failed to fetch"), so in a page the difference between a
 * dead server and a missing CORS header is found out by up to two plain GET requests without any
 * header of the embedder's. Never rejects.
 */
export async function diagnose(
  error: unknown,
  facts: ConnectFacts,
  env: DiagnoseEnvironment,
): Promise<Diagnosis> {
  const seen = readErrorFacts(error);
  const at = facts.url.href;
  if (seen.missingScope !== undefined) return { ...scopeMissing(at, seen.missingScope), retryable: false };
  if (seen.own?.kind === "sign_in_required") {
    const { message, hint } = seen.own;
    return { kind: "sign_in_required", message, hint: hint ?? "Sign in.", retryable: false };
  }
  if (seen.status === 401 || seen.status === 403 || isUnauthorized(error)) return unauthorized(at, seen, env);
  if (hidesSession(seen, facts)) return sessionHeaderHidden(at, env);
  if (facts.timedOut || seen.sdkCode === "REQUEST_TIMEOUT") return timeout(at, facts.connectTimeoutMs);
  if (seen.own !== undefined) {
    return {
      kind: "protocol",
      message: seen.own.message,
      hint: seen.own.hint ?? "Report this to the server's author.",
      retryable: seen.own.retryable,
    };
  }
  if (seen.network && seen.status === undefined) return networkFailure(error, facts, env);
  if (seen.status !== undefined && (seen.status >= 500 || seen.status === 429)) {
    return {
      kind: "server_error",
      message: `${at} answered HTTP ${seen.status}.`,
      hint: "Look at the server's log, or at the proxy in front of it.",
      retryable: true,
    };
  }
  if (looksForeign(seen)) return notMcp(at, seen);
  return {
    kind: "protocol",
    message: `${at} broke the MCP protocol: ${messageOf(error).slice(0, 500)}`,
    hint: "Check the server with the MCP Inspector (npx @modelcontextprotocol/inspector) and update it.",
    retryable: seen.streamLost,
  };
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof Error && error.name === "UnauthorizedError";
}

/** `initialize` went well, no session id was readable, and the very next request was refused for want of one. */
function hidesSession(seen: ErrorFacts, facts: ConnectFacts): boolean {
  return facts.initialized && !facts.sessionSeen && (seen.status === 400 || seen.status === 404);
}

function looksForeign(seen: ErrorFacts): boolean {
  return seen.contentType !== undefined || ((seen.status ?? 0) >= 400 && !seen.body.includes('"jsonrpc"'));
}

async function networkFailure(
  error: unknown,
  facts: ConnectFacts,
  env: DiagnoseEnvironment,
): Promise<Diagnosis> {
  const at = facts.url.href;
  if (env.pageUrl === undefined) return unreachable(at, reason(error));
  const page = URL.parse(env.pageUrl);
  if (page?.protocol === "https:" && facts.url.protocol === "http:" && !isLoopback(facts.url.hostname)) {
    return {
      kind: "mixed_content",
      message: `The browser forbids this https: page to reach ${at}, because it is http:.`,
      hint: "Serve the MCP server over https:, or reach it through a relay that does.",
      retryable: false,
    };
  }
  if (page?.origin === facts.url.origin) return unreachable(at, reason(error));
  if (!(await answers(env.fetch, at, "no-cors"))) {
    return unreachable(
      at,
      "the browser reports a network failure (a content blocker or the page's CSP connect-src looks the same)",
    );
  }
  const readable = await answers(env.fetch, at, "cors");
  return corsBlocked(facts, page?.origin ?? "*", readable);
}

/** True when the server answers a plain GET at all (`no-cors`) or readably (`cors`). The body is never read. */
async function answers(fetch: FetchLike, url: string, mode: "no-cors" | "cors"): Promise<boolean> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PROBE_TIMEOUT_MS);
  try {
    await fetch(url, { method: "GET", mode, credentials: "omit", cache: "no-store", signal: stop.signal });
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    stop.abort(); // an event stream would stay open
  }
}

function corsBlocked(facts: ConnectFacts, origin: string, readable: boolean): Diagnosis {
  const allowed = [
    REQUEST_HEADERS,
    ...facts.headerNames.filter((name) => !REQUEST_HEADERS.includes(name)),
  ].join(", ");
  const preflight =
    `answer OPTIONS requests with status 204, "Access-Control-Allow-Methods: GET, POST, DELETE, OPTIONS" and ` +
    `"Access-Control-Allow-Headers: ${allowed}"`;
  return {
    kind: "cors_blocked",
    message: readable
      ? `${facts.url.href} runs and allows this page to read it, but refuses the preflight request that browsers send before an MCP request.`
      : `${facts.url.href} runs, but does not allow pages of ${origin} to use it (CORS).`,
    hint:
      `On the server: ${readable ? "" : `send "Access-Control-Allow-Origin: ${origin}" with every response, errors included; `}${preflight}, ` +
      `before authentication; send "Access-Control-Expose-Headers: mcp-session-id, www-authenticate". ` +
      `If you cannot change the server, put a bridge with CORS in front of it, such as mcp-proxy.`,
    retryable: false,
  };
}

function sessionHeaderHidden(at: string, env: DiagnoseEnvironment): Diagnosis {
  const inPage = env.pageUrl !== undefined;
  return {
    kind: "session_header_hidden",
    message: inPage
      ? `${at} answered the first request, then refused the next one because its session id is missing: the server does not let pages read the header mcp-session-id.`
      : `${at} answered the first request without a session id, then refused the next one because a session id is missing.`,
    hint: inPage
      ? `On the server, send "Access-Control-Expose-Headers: mcp-session-id" with every response.`
      : "Check that the proxy in front of the server passes the response header mcp-session-id on.",
    retryable: false,
  };
}

function unauthorized(at: string, seen: ErrorFacts, env: DiagnoseEnvironment): Diagnosis {
  const denied = seen.status === 403;
  const origin =
    env.pageUrl === undefined
      ? ""
      : ` A server that checks the Origin header has to list ${URL.parse(env.pageUrl)?.origin ?? "this page"}.`;
  return {
    kind: "unauthorized",
    message: denied ? `${at} denies access (HTTP 403).` : `${at} requires authorization (HTTP 401).`,
    hint: denied
      ? `Check that the credentials in \`headers\` or \`auth\` may use this server.${origin}`
      : "Give the server option `headers` an Authorization header, or set `auth`.",
    retryable: false,
  };
}

function notMcp(at: string, seen: ErrorFacts): Diagnosis {
  const what =
    seen.status === undefined ? `content of type ${seen.contentType ?? "unknown"}` : `HTTP ${seen.status}`;
  return {
    kind: "not_mcp",
    message: `${at} is no MCP endpoint: it answered with ${what}.`,
    hint: "Check the path of the url: most servers use /mcp, older ones /sse.",
    retryable: false,
  };
}

function timeout(at: string, timeoutMs: number): Diagnosis {
  return {
    kind: "timeout",
    message: `${at} accepted the connection but did not finish its answer within ${timeoutMs} ms.`,
    hint: "Check that the server is not stuck; a slow one needs a larger connectTimeoutMs.",
    retryable: true,
  };
}

function unreachable(at: string, why: string): Diagnosis {
  return {
    kind: "unreachable",
    message: `${at} cannot be reached: ${why}.`,
    hint: "Start the server, and check host, port and network.",
    retryable: true,
  };
}

/** The innermost message: Node says "fetch failed" and keeps the reason in the cause. */
function reason(error: unknown): string {
  let innermost = error;
  for (
    let depth = 0;
    depth < 8 && innermost instanceof Error && innermost.cause instanceof Error;
    depth += 1
  ) {
    innermost = innermost.cause;
  }
  return (messageOf(innermost) || "no connection").slice(0, 300);
}
