// A page reaches MCP servers through here that it could not reach by itself. What it sends goes to one
// address that the operator named, and nowhere else; the host's own token never goes along.

import { OptimizerError } from "../../base/errors.ts";
import type { Outbound } from "../outbound.ts";
import type { Handler, Handlers } from "./host-request.ts";
import { readJsonText } from "./json-body.ts";

/** Whose credentials a relayed request carries: those that the client sends, or the ones that the host holds. */
export type RelayMode = "pass" | "held";

/**
 * Where the host's token stands when Authorization is the server's own. Without it Authorization is the host's
 * token, which no server gets.
 */
export const TOKEN_HEADER = "x-mcp-optimizer-token";

/** One server that is relayed. */
export interface RelayTarget {
  readonly url: URL;
  readonly mode: RelayMode;
  /** What the host sends along; goes before what the client says. */
  readonly headers: Readonly<Record<string, string>>;
  readonly outbound: Outbound;
}

/** What is between the two ends of one connection (RFC 9110, 7.6.1). */
const OF_ONE_CONNECTION = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authenticate",
];

/** Beside it, what says more of the client than the server needs. */
const NOT_FORWARDED = new Set([
  ...OF_ONE_CONNECTION,
  "proxy-authorization",
  "content-length",
  "expect",
  "host",
  "cookie",
  "origin",
  "referer",
  "forwarded",
  "via",
  "x-real-ip",
  TOKEN_HEADER,
]);
const NOT_FORWARDED_PREFIX = /^(?:sec-|x-forwarded-|access-control-)/;

const NOT_RETURNED = new Set([
  ...OF_ONE_CONNECTION,
  "set-cookie",
  "strict-transport-security",
  "alt-svc",
  "clear-site-data",
  "content-security-policy",
]);

export function createRelay(
  targets: ReadonlyMap<string, RelayTarget>,
  maxBodyBytes: number,
): Handlers<"getRelay" | "postRelay" | "deleteRelay"> {
  const serve: Handler = async ({ request, params }) => {
    const target = targets.get(params["server"] ?? "");
    if (target === undefined) {
      throw new OptimizerError("There is no such server, or it is not relayed.", {
        code: 400,
        kind: "unknown_server",
        hint: 'Servers are relayed when their options say relay: "pass" or "held".',
      });
    }
    // As text: read and written again, large numbers would be others.
    const text = request.method === "POST" ? await readJsonText(request, maxBodyBytes) : undefined;
    const answer = await send(target, request, text);
    if (answer.status >= 300 && answer.status < 400 && answer.status !== 304) {
      await answer.body?.cancel();
      throw unreachable("The server sends its clients elsewhere, and no redirect is followed.");
    }
    return new Response(answer.body, { status: answer.status, headers: headersBack(answer.headers) });
  };
  return { getRelay: serve, postRelay: serve, deleteRelay: serve };
}

async function send(target: RelayTarget, request: Request, body: string | undefined): Promise<Response> {
  try {
    return await target.outbound.fetch(target.url, {
      method: request.method,
      headers: headersForward(request.headers, target),
      signal: request.signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    if (error instanceof OptimizerError) throw error;
    // What the network says may name addresses of the host's network.
    throw unreachable("The server can't be reached.");
  }
}

function headersForward(headers: Headers, { mode, headers: held }: RelayTarget): Headers {
  const dropped = droppedBy(headers);
  const forward = new Headers();
  for (const [name, value] of headers) {
    if (NOT_FORWARDED.has(name) || NOT_FORWARDED_PREFIX.test(name) || dropped.has(name)) continue;
    if (name === "authorization" && (mode !== "pass" || !headers.has(TOKEN_HEADER))) continue;
    forward.set(name, value);
  }
  for (const [name, value] of Object.entries(held)) forward.set(name, value);
  return forward;
}

function headersBack(headers: Headers): Headers {
  const dropped = droppedBy(headers);
  const back = new Headers();
  for (const [name, value] of headers) {
    const isOurs = NOT_RETURNED.has(name) || name.startsWith("access-control-") || dropped.has(name);
    if (!isOurs) back.append(name, value);
  }
  return back;
}

/** Headers that `Connection` declares to be of this connection only. */
function droppedBy(headers: Headers): ReadonlySet<string> {
  const names = (headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return new Set(names);
}

function unreachable(message: string): OptimizerError {
  return new OptimizerError(message, { code: 500, kind: "unreachable", retryable: true });
}
