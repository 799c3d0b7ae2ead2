import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { isIP } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { messageOf, OptimizerError } from "../../base/errors.ts";
import type { App } from "./app.ts";
import { type CallerRules, requireTrustedCaller } from "./caller-rules.ts";
import { errorResponse } from "./http-error.ts";
import { refuseUpgrade, type TakeUpgrade } from "./sandbox-socket.ts";

/** Where the host listens. */
export interface ListenOptions {
  /** Address to bind to. Default `127.0.0.1`: nobody outside of this machine. */
  readonly host?: string;
  /** Default 4780; 0 takes a free one. */
  readonly port?: number;
  /** Has to be true for an address that others can reach. */
  readonly public?: boolean;
  /** PEM texts. Default: no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Further names by which the host is reached, behind a proxy for example, exactly as clients send them: with the port unless it is the usual one. */
  readonly hostnames?: readonly string[];
}

/** A server that listens. */
export interface Listening {
  /** Address with its port, without a path. */
  readonly url: string;
  /** Ends it: answers under way come to their end within so many milliseconds, all other connections go at once. */
  close(withinMs: number): Promise<void>;
}

/** How long a request may take to arrive. Milliseconds. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 20_000;
const CHECK_EVERY_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 1_000;

/** Rejects with 400 for options that make no sense, and where the port is taken. */
export async function listen(
  app: App,
  origins: ReadonlySet<string>,
  options: ListenOptions,
  takeUpgrade: TakeUpgrade = refuseUpgrade,
): Promise<Listening> {
  const { host = "127.0.0.1", port = 4780, tls, hostnames = [] } = options;
  requirePrivate(host, options.public === true);
  const rules = { hosts: new Set<string>(), origins };
  const serverOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: 10_000,
  };
  const listener = createListener(app, rules);
  const server =
    tls === undefined
      ? createServer(serverOptions, listener)
      : createTlsServer({ ...serverOptions, ...tls, minVersion: "TLSv1.2" }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => undefined);
    try {
      requireTrustedCaller(request, rules);
      takeUpgrade(request, socket, head);
    } catch (error) {
      const { status } = errorResponse(error);
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
    }
  });
  const bound = await bind(server, host, port);
  const scheme = tls === undefined ? "http" : "https";
  const usualPort = tls === undefined ? 80 : 443;
  for (const name of namesOf(host)) {
    rules.hosts.add(`${name}:${bound}`);
    if (bound === usualPort) rules.hosts.add(name);
  }
  for (const name of hostnames) rules.hosts.add(name.toLowerCase());
  return {
    url: `${scheme}://${urlHost(host)}:${bound}`,
    close: (withinMs) => close(server, withinMs),
  };
}

/** Host and Origin are looked at before anything else, by what Node read of the request. */
function createListener(
  app: App,
  rules: CallerRules,
): (request: IncomingMessage, response: ServerResponse) => void {
  const serve = getRequestListener((request) => app(request), { overrideGlobalObjects: false });
  return (request, response) => {
    try {
      requireTrustedCaller(request, rules);
    } catch (error) {
      void refuse(response, error);
      return;
    }
    void serve(request, response);
  };
}

async function refuse(response: ServerResponse, error: unknown): Promise<void> {
  const refusal = errorResponse(error);
  const text = await refusal.text();
  response.writeHead(refusal.status, {
    ...Object.fromEntries(refusal.headers),
    "content-length": Buffer.byteLength(text),
    connection: "close",
  });
  response.end(text);
}

async function bind(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw new OptimizerError(`The host can't listen on ${host}:${port}: ${messageOf(error)}`, {
      code: 400,
      kind: "address_unavailable",
      hint: "Stop the program that has the port, or choose another one.",
      cause: error,
    });
  } finally {
    server.off("error", reject);
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/** Throws 400 for an address that others can reach, unless that is said to be meant. */
function requirePrivate(host: string, isPublic: boolean): void {
  if (isPublic || host === "localhost" || host === "::1" || /^127(?:\.\d+){3}$/.test(host)) return;
  throw new OptimizerError(`${host} can be reached from other machines.`, {
    code: 400,
    kind: "public_address",
    hint: "Bind to 127.0.0.1, or say that it is meant: public: true, --public.",
  });
}

function namesOf(host: string): readonly string[] {
  const isAny = host === "0.0.0.0" || host === "::";
  const isLoopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const own = isAny ? [] : [urlHost(host)];
  return isAny || isLoopback ? [...new Set([...own, "127.0.0.1", "localhost", "[::1]"])] : own;
}

function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return isIP(host) === 6 ? `[${host === "::" ? "::1" : host}]` : host;
}

async function close(server: Server, withinMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), withinMs);
  await promise;
  clearTimeout(timer);
}
