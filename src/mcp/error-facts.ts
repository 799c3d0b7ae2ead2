import { findOptimizerError, type OptimizerError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { STREAM_LOST_CODE } from "./guarded-transport.ts";

/** What is known about a failed exchange, read from whatever the SDK or `fetch` threw. */
export interface ErrorFacts {
  /** The HTTP status that the server answered with. */
  readonly status: number | undefined;
  /** The HTTP body that came with it, at most 1,000 characters. */
  readonly body: string;
  /** The JSON-RPC error code, when the server answered with an error of the protocol. */
  readonly rpcCode: number | undefined;
  /** The SDK's own error code, such as `CONNECTION_CLOSED`. */
  readonly sdkCode: string | undefined;
  /** The content type of an answer that was no MCP. */
  readonly contentType: string | undefined;
  /** An error of ours inside, such as a response that was too large. */
  readonly own: OptimizerError | undefined;
  /** No HTTP answer at all: refused, reset, unresolvable, or withheld by the browser. */
  readonly network: boolean;
  /** The request never reached a server, so nothing can have happened. Known in Node only. */
  readonly refused: boolean;
  /** The scopes that the server's 403 asks for, when it said `insufficient_scope`; empty when it named none. */
  readonly missingScope: string | undefined;
  /** The answer's stream ended, or the connection closed, before the answer. */
  readonly streamLost: boolean;
}

/** What Node's `fetch` reports when no connection came about. */
const REFUSED: readonly unknown[] = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
];

/** Collects the facts along an error's chain of causes. */
export function readErrorFacts(error: unknown): ErrorFacts {
  const chain = causes(error);
  const data = chain.map((link) => field(link, "data"));
  const codes = chain.map((link) => field(link, "code"));
  const http = data.find((value) => typeof field(value, "status") === "number");
  // The event source of the SDK's SSE transport puts the HTTP status into `code`.
  const sseStatus = chain.map((link) =>
    field(link, "name") === "SseError" ? field(link, "code") : undefined,
  );
  const status = [field(http, "status"), ...sseStatus].find((value) => typeof value === "number");
  const rpcCode = codes.find(
    (code, index) => typeof code === "number" && field(chain[index], "name") !== "SseError",
  );
  const sdkCode = codes.find((code) => typeof code === "string");
  const body = field(http, "text");
  const contentType = data
    .map((value) => field(value, "contentType"))
    .find((value) => typeof value === "string");
  return {
    status: typeof status === "number" ? status : statusInMessage(chain),
    body: typeof body === "string" ? body.slice(0, 1_000) : "",
    rpcCode: typeof rpcCode === "number" ? rpcCode : undefined,
    sdkCode: typeof sdkCode === "string" ? sdkCode : undefined,
    contentType: typeof contentType === "string" ? contentType : undefined,
    own: chain.map(findOptimizerError).find((found) => found !== undefined),
    network: chain.some((link) => field(link, "name") === "TypeError") || isSocketFailure(codes),
    refused: codes.some((code) => REFUSED.includes(code)),
    missingScope: missingScope(chain),
    streamLost: rpcCode === STREAM_LOST_CODE || sdkCode === "CONNECTION_CLOSED",
  };
}

/** Which error of the SDK it is: what it is marked with, since builds shorten the names of classes. */
export function sdkBrand(error: unknown): string | undefined {
  const made: unknown = error instanceof Error ? error.constructor : undefined;
  const brand: unknown = typeof made === "function" ? Reflect.get(made, "mcpBrand") : undefined;
  return typeof brand === "string" ? brand : undefined;
}

/** The server wrote it and it goes into messages: anything but scope names (RFC 6749, 3.3) is left out. */
function missingScope(chain: readonly unknown[]): string | undefined {
  const link = chain.find((one) => sdkBrand(one) === "mcp.InsufficientScopeError");
  if (link === undefined) return undefined;
  const scope = field(link, "requiredScope");
  return typeof scope === "string" && /^[\x21\x23-\x5b\x5d-\x7e ]{1,500}$/.test(scope) ? scope : "";
}

function isSocketFailure(codes: readonly unknown[]): boolean {
  return codes.some((code) => typeof code === "string" && /^(E[A-Z]+|UND_ERR_[A-Z_]+)$/.test(code));
}

/** The SSE transport tells the status of a failed POST in words only. */
function statusInMessage(chain: readonly unknown[]): number | undefined {
  for (const link of chain) {
    const message = field(link, "message");
    const status = typeof message === "string" ? /\(HTTP (\d{3})\)/.exec(message)?.[1] : undefined;
    if (status !== undefined) return Number(status);
  }
  return undefined;
}

/** The error, its causes, and the members of an aggregate (Node tries several addresses), at most eight links. */
function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && chain.length < 8) {
    const link = queue.shift();
    if (typeof link !== "object" || link === null) continue;
    chain.push(link);
    queue.push(field(link, "cause"));
    const members = field(link, "errors");
    if (Array.isArray(members)) queue.push(...members);
    const event = field(link, "event");
    if (event !== undefined) queue.push(field(event, "error"));
  }
  return chain;
}

function field(value: unknown, key: string): unknown {
  if (value instanceof Error) return Reflect.get(value, key);
  return isJsonObject(value) ? Reflect.get(value, key) : undefined;
}
