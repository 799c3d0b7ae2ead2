import type {
  SSEClientTransportOptions,
  StreamableHTTPClientTransportOptions,
  Transport,
} from "@modelcontextprotocol/client";
import { settleBefore } from "../base/waits.ts";
import { Backoff } from "./backoff.ts";
import type { ConnectFacts } from "./diagnose.ts";
import { readErrorFacts } from "./error-facts.ts";
import { GuardedTransport } from "./guarded-transport.ts";
import { createLimitedFetch, type FetchLike } from "./limited-fetch.ts";
import { createMirroringClient, loadMcpSdk, type McpSdk, type MirroringClient } from "./mirroring-client.ts";
import { addServerHeaders } from "./server-headers.ts";
import type { ResolvedServerOptions } from "./server-options.ts";

/** A client that has shaken hands with its server. */
export interface Connection extends AsyncDisposable {
  readonly client: MirroringClient;
  /** Which transport carries it. */
  readonly via: "http" | "sse" | "custom";
  readonly facts: ConnectFacts;
}

/** What a connection reports after it was made. */
export interface ConnectionEvents {
  /** The server says that its tools changed. */
  onToolsChanged(): void;
  /** Nothing more will arrive by itself; `dead` when calls under way cannot end either. */
  onLost(connection: MirroringClient, dead: boolean): void;
}

/** What a connection needs from outside. */
export interface ConnectionDeps {
  readonly fetch: FetchLike;
  readonly random: () => number;
}

/** A connection attempt that failed, with what it had reached. */
export class ConnectFailure extends Error {
  override readonly name = "ConnectFailure";
  readonly facts: ConnectFacts;

  constructor(cause: unknown, facts: ConnectFacts) {
    super("The connection attempt failed.", { cause });
    this.facts = facts;
  }
}

/**
 * Connects by the first way that works: Streamable HTTP in either protocol era, then HTTP+SSE.
 *
 * @throws ConnectFailure with the error of the first way; whoever catches it diagnoses.
 */
export async function openConnection(
  options: ResolvedServerOptions,
  deps: ConnectionDeps,
  events: ConnectionEvents,
  signal: AbortSignal,
): Promise<Connection> {
  const sdk = await loadMcpSdk();
  const attempt = (via: Connection["via"], eras: "auto" | "legacy") =>
    shakeHands(sdk, via, eras, options, deps, events, signal);
  if (typeof options.transport === "function") return attempt("custom", "auto");
  if (options.transport === "sse") return attempt("sse", "legacy");
  try {
    return await attempt("http", "auto");
  } catch (error) {
    const next = fallback(error, options);
    if (next === undefined || signal.aborted) throw error;
    try {
      return await attempt(next.via, next.eras);
    } catch (second) {
      const { status } = readErrorFacts(second);
      // A server that answers the second way with "who are you" has understood it.
      throw next.via === "http" || status === 401 || status === 403 ? second : error;
    }
  }
}

function fallback(
  error: unknown,
  options: ResolvedServerOptions,
): { via: "http" | "sse"; eras: "auto" | "legacy" } | undefined {
  const { status, network, own } = readErrorFacts(error);
  const initialized = error instanceof ConnectFailure && error.facts.initialized;
  if (initialized || own !== undefined) return undefined;
  const otherTransport =
    status !== undefined && status >= 400 && status < 500 && ![401, 403, 407, 408, 429].includes(status);
  const hidden = network && status === undefined && options.url.pathname.endsWith("/sse");
  if (options.transport === "auto" && (otherTransport || hidden)) return { via: "sse", eras: "legacy" };
  // In a worker a refused preflight of the 2026 probe ends the SDK's negotiation; a 2025 server whose
  // CORS rules do not know the new headers is still there. (In a window the SDK goes on by itself.)
  const inWorker = typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope;
  return network && status === undefined && inWorker ? { via: "http", eras: "legacy" } : undefined;
}

async function shakeHands(
  sdk: McpSdk,
  via: Connection["via"],
  eras: "auto" | "legacy",
  options: ResolvedServerOptions,
  deps: ConnectionDeps,
  events: ConnectionEvents,
  signal: AbortSignal,
): Promise<Connection> {
  const limited = createLimitedFetch(deps.fetch, options.maxResponseBytes);
  const inner = createTransport(sdk, via, options, limited.fetch, deps.random);
  const transport = new GuardedTransport(inner, limited);
  const client = createMirroringClient(sdk, eras);
  const timeout = AbortSignal.timeout(options.connectTimeoutMs);
  const facts = (): ConnectFacts => ({
    url: options.url,
    headerNames: Object.keys(options.headers),
    initialized: transport.initialized,
    sessionSeen: transport.sessionId !== undefined,
    timedOut: timeout.aborted,
    connectTimeoutMs: options.connectTimeoutMs,
  });
  const close = async () => {
    await client.close().catch(() => {});
    await inner.close().catch(() => {}); // before the handshake the client does not know its transport
  };
  client.setNotificationHandler("notifications/tools/list_changed", () => events.onToolsChanged());
  try {
    // The SDK's own timers come a little later, so that ours decides what to call it.
    await settleBefore(
      client.connect(transport, { timeout: options.connectTimeoutMs + 1_000 }),
      AbortSignal.any([signal, timeout]),
    );
  } catch (error) {
    const failure = new ConnectFailure(error, facts());
    await close();
    throw failure;
  }
  client.onclose = () => events.onLost(client, true);
  client.onerror = (error) => {
    if (error.name === "SseError") events.onLost(client, true);
    // The SDK's words when the stream for server messages could not be opened again.
    else if (error.message.startsWith("Maximum reconnection attempts")) events.onLost(client, false);
  };
  return {
    client,
    via,
    get facts() {
      return { ...facts(), timedOut: false };
    },
    async [Symbol.asyncDispose]() {
      client.onclose = () => {};
      client.onerror = () => {};
      if (inner instanceof sdk.StreamableHTTPClientTransport && inner.sessionId !== undefined) {
        // A courtesy to the server: it may free the session at once. Not worth a long wait.
        await settleBefore(inner.terminateSession(), AbortSignal.timeout(FAREWELL_MS)).catch(() => {});
      }
      await close();
    },
  };
}

function createTransport(
  sdk: McpSdk,
  via: Connection["via"],
  options: ResolvedServerOptions,
  fetch: FetchLike,
  random: () => number,
): Transport {
  if (typeof options.transport === "function") return options.transport();
  const shared = {
    fetch: addServerHeaders(fetch, options.url, options.headers),
    // The SDK's default asks for redirects unfollowed, which browsers answer with nothing readable.
    redirectPolicy: "follow",
    ...(options.auth === undefined ? {} : { authProvider: options.auth }),
  } satisfies SSEClientTransportOptions & StreamableHTTPClientTransportOptions;
  if (via === "sse") return new sdk.SSEClientTransport(options.url, shared);
  return new sdk.StreamableHTTPClientTransport(options.url, { ...shared, ...createResumption(random) });
}

/** When a 2025 stream for server messages is opened again. A server that ends it at once each time is asked ever more rarely. */
function createResumption(
  random: () => number,
): Pick<StreamableHTTPClientTransportOptions, "reconnectionOptions" | "reconnectionScheduler"> {
  const backoff = new Backoff({ initialMs: 500, maxMs: 60_000, maxAttempts: Infinity }, random);
  let calmSince = 0;
  return {
    reconnectionOptions: {
      initialReconnectionDelay: 500,
      maxReconnectionDelay: 30_000,
      reconnectionDelayGrowFactor: 2,
      maxRetries: 3,
    },
    reconnectionScheduler(reconnect, delay) {
      if (performance.now() - calmSince > CALM_MS) backoff.reset();
      const delayMs = Math.max(delay, backoff.next() ?? 0);
      calmSince = performance.now() + delayMs;
      const timer = setTimeout(reconnect, delayMs);
      return () => clearTimeout(timer);
    },
  };
}

/** How long a stream has to last for its next loss to count as the first. */
const CALM_MS = 60_000;
const FAREWELL_MS = 1_000;
