import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { coalesce, pause, settleBefore } from "../base/waits.ts";
import type {
  SourceFeatures,
  SourceStatus,
  ToolCallOptions,
  ToolDefinition,
  ToolResult,
  ToolSource,
} from "../tools/tool.ts";
import { unavailableError } from "../tools/unavailable-error.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { cancelledError, planRecovery, timeoutError, toCallError } from "./call-error.ts";
import { ConnectFailure, type Connection, openConnection } from "./connection.ts";
import { type CredentialFilter, createCredentialFilter } from "./credentials.ts";
import { type Diagnosis, diagnose } from "./diagnose.ts";
import { readErrorFacts } from "./error-facts.ts";
import { createIdentity } from "./identity.ts";
import type { FetchLike } from "./limited-fetch.ts";
import { Link } from "./link.ts";
import { listTools } from "./list-tools.ts";
import type { MirroringClient } from "./mirroring-client.ts";
import { type AccountAuth, findAccount } from "./server-auth.ts";
import { describeServer, featuresOf } from "./server-features.ts";
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from "./server-options.ts";
import { watchTools } from "./tool-watch.ts";
import { createUnavailableSource } from "./unavailable-source.ts";

/** What a server source needs from outside; all of it has a default. */
export interface ServerSourceDeps {
  readonly fetch?: FetchLike;
  /** For the jitter of delays, between 0 and 1. */
  readonly random?: () => number;
  /** Address of the page or worker. Default: its `location`, and none in Node. */
  readonly pageUrl?: string;
  /** How a lost or failed connection is tried again: 1 s doubling to 30 s, six times, then only on demand. */
  readonly reconnect?: BackoffOptions;
}

/** A tool source that is an MCP server. */
export interface ServerSource extends ToolSource {
  /**
   * Waits for the connection attempt under way, or makes one now.
   *
   * Resolves when the attempt has ended, well or not: `status` tells. Rejects only with
   * OptimizerError 408 `cancelled`, when `signal` aborts; that ends the waiting, not the attempt.
   */
  connect(signal?: AbortSignal): Promise<void>;
}

/**
 * Makes a source of one MCP server's tools, and connects to it in the background.
 *
 * It never throws: a server that is down, slow, forbidden or wrongly configured becomes
 * `unavailable`, with the cause and the remedy in its status, and stops no other.
 */
export function createServerSource(
  id: string,
  options: string | ServerOptions,
  deps: ServerSourceDeps = {},
): ServerSource {
  try {
    return new McpServerSource(resolveServerOptions(id, options), {
      // Called as a bare function, `fetch` of a page would throw "Illegal invocation".
      fetch: deps.fetch ?? ((url, init) => fetch(url, init)),
      random: deps.random ?? Math.random,
      pageUrl: deps.pageUrl ?? (typeof location === "undefined" ? undefined : location.href),
      reconnect: deps.reconnect ?? { initialMs: 1_000, maxMs: 30_000, maxAttempts: 6 },
    });
  } catch (error) {
    const reason = findOptimizerError(error);
    if (reason === undefined) throw error;
    return createUnavailableSource(id, reason);
  }
}

/** A flood of change notices costs one list at once and one each so many milliseconds. */
const REFRESH_SOON_MS = 100;
const REFRESH_AGAIN_MS = 2_000;
/** A caller that needs an unavailable server starts an attempt, but not more often than this. */
const ATTEMPT_GAP_MS = 1_000;
/** A connection that lasted so long was a good one: its loss is the first. */
const CALM_MS = 60_000;

interface SourceEnvironment {
  readonly fetch: FetchLike;
  readonly random: () => number;
  readonly pageUrl: string | undefined;
  readonly reconnect: BackoffOptions;
}

class McpServerSource implements ServerSource {
  readonly id: string;
  status: SourceStatus = { state: "connecting" };
  tools: readonly ToolDefinition[] = [];
  description: string | undefined;
  features: SourceFeatures | undefined;

  readonly #options: ResolvedServerOptions;
  readonly #credentials: CredentialFilter;
  readonly #env: SourceEnvironment;
  readonly #backoff: Backoff;
  readonly #identity: () => Promise<string>;
  readonly #account: AccountAuth | undefined;
  readonly #detach: () => void;
  readonly #listeners = new Set<() => void>();
  readonly #disposed = new AbortController();
  #link: Link | undefined;
  #attempt: Promise<void> | undefined;
  #attemptEndedAt = -Infinity;
  #planned: AbortController | undefined;
  readonly #toolsChanged = coalesce(() => this.#refresh(), {
    soonMs: REFRESH_SOON_MS,
    againMs: REFRESH_AGAIN_MS,
    signal: this.#disposed.signal,
  });

  constructor(options: ResolvedServerOptions, env: SourceEnvironment) {
    this.id = options.id;
    this.#options = options;
    this.#credentials = createCredentialFilter(options.headers);
    this.#env = { ...env, fetch: this.#credentials.watch(env.fetch) };
    this.#backoff = new Backoff(env.reconnect, env.random);
    this.#identity = createIdentity(options.auth);
    this.#account = findAccount(options.auth);
    const onAccountChange = () => this.#accountChanged();
    const attached = { url: options.url, fetch: env.fetch, onAccountChange };
    this.#detach = this.#account?.attach(attached) ?? (() => {});
    void this.#startAttempt();
  }

  async connect(signal?: AbortSignal): Promise<void> {
    if (this.#disposed.signal.aborted || this.#link !== undefined) return;
    const attempt = this.#attempt ?? this.#startAttempt();
    if (signal === undefined) return attempt;
    await settleBefore(attempt, signal).catch(() => {
      throw new OptimizerError(`Connecting to ${this.id} was cancelled.`, { code: 408, kind: "cancelled" });
    });
  }

  identity(): Promise<string> {
    return this.#identity();
  }

  onChange(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async call(name: string, args: JsonObject, options: ToolCallOptions): Promise<ToolResult> {
    const { callTimeoutMs } = this.#options;
    const tool = this.tools.find((candidate) => candidate.name === name);
    const stop = new AbortController();
    const sources = [options.signal, this.#disposed.signal];
    const abort = () => stop.abort(cancelledError(this.id, name));
    for (const source of sources) source.addEventListener("abort", abort, { once: true });
    if (sources.some((source) => source.aborted)) abort();
    const timer = setTimeout(
      () => stop.abort(timeoutError(this.id, tool, name, callTimeoutMs)),
      callTimeoutMs,
    );
    try {
      return this.#credentials.data(await this.#callTwice(name, args, tool, stop.signal, options));
    } catch (error) {
      if (this.#disposed.signal.aborted) throw this.#disposed.signal.reason;
      throw stop.signal.aborted ? stop.signal.reason : this.#credentials.error(error);
    } finally {
      clearTimeout(timer);
      for (const source of sources) source.removeEventListener("abort", abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed.signal.aborted) return;
    const link = this.#link;
    this.#link = undefined;
    this.#disposed.abort(
      new OptimizerError(`The connection to ${this.id} was closed.`, { code: 500, kind: "disposed" }),
    );
    this.#listeners.clear();
    this.#detach();
    this.status = {
      state: "unavailable",
      kind: "disposed",
      message: "The connection was closed.",
      hint: "Create a new optimizer.",
    };
    this.#planned?.abort();
    await link?.close();
    await this.#attempt;
  }

  /** A sign-in that follows has to ask for more. */
  #noteMissingScope(error: unknown): void {
    const { missingScope } = readErrorFacts(error);
    if (missingScope !== undefined) this.#account?.requireScope(missingScope);
  }

  /** Somebody signed in or out: the connection, with its session, was for another. */
  #accountChanged(): void {
    if (this.#disposed.signal.aborted) return;
    const link = this.#link;
    this.#link = undefined;
    link?.retire(true);
    this.#setStatus({ state: "connecting" });
    const attempt = this.#attempt ?? Promise.resolve();
    void attempt.then(() => {
      if (!this.#disposed.signal.aborted) return this.#startAttempt();
    });
  }

  /** Calls, and calls a second time only where the first request was refused before it could do anything. */
  async #callTwice(
    name: string,
    args: JsonObject,
    tool: ToolDefinition | undefined,
    signal: AbortSignal,
    options: ToolCallOptions,
  ) {
    for (let first = true; ; first = false) {
      const link = await this.#ready(signal);
      try {
        return await link.call(name, args, { ...this.#credentials.listening(options), signal });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const recovery = planRecovery(error, link.connection.facts.sessionSeen);
        if (recovery === "lost" || recovery === "reconnect") this.#lose(link, false);
        this.#noteMissingScope(error);
        if (!first || recovery === "lost" || recovery === "none")
          throw toCallError(error, this.id, tool, name);
        if (recovery === "relist") await this.#relist(link, signal);
      }
    }
  }

  /** The open connection; makes one when a caller needs it. */
  async #ready(signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    if (this.#link !== undefined) return this.#link;
    if (this.#attempt !== undefined) await settleBefore(this.#attempt, signal);
    else if (performance.now() - this.#attemptEndedAt > ATTEMPT_GAP_MS)
      await settleBefore(this.#startAttempt(), signal);
    if (this.#link !== undefined) return this.#link;
    if (this.status.state !== "unavailable") {
      throw new OptimizerError(`The server ${this.id} is not connected.`, {
        code: 500,
        kind: "unreachable",
        retryable: true,
      });
    }
    throw unavailableError(this.id, this.status);
  }

  #startAttempt(): Promise<void> {
    this.#planned?.abort();
    this.#attempt ??= this.#connectOnce().finally(() => {
      this.#attempt = undefined;
      this.#attemptEndedAt = performance.now();
    });
    return this.#attempt;
  }

  async #connectOnce(): Promise<void> {
    const disposed = this.#disposed.signal;
    // While an attempt in the background runs, an unavailable server keeps its reason.
    let connection: Connection | undefined;
    try {
      const events = {
        onToolsChanged: () => this.#toolsChanged(),
        onLost: (client: MirroringClient, dead: boolean) => {
          if (this.#link?.connection.client === client) this.#lose(this.#link, dead);
        },
      };
      connection = await openConnection(this.#options, this.#env, events, disposed);
      const tools = await this.#list(connection, disposed);
      disposed.throwIfAborted();
      this.#adopt(connection, tools);
    } catch (error) {
      await connection?.[Symbol.asyncDispose]();
      if (disposed.aborted) return;
      this.#noteMissingScope(error);
      const diagnosis = await this.#diagnose(error, connection);
      if (disposed.aborted) return;
      const { kind, message, hint } = diagnosis;
      const words = this.#credentials.text(message);
      this.#setStatus({ state: "unavailable", kind, message: words, hint });
      if (diagnosis.retryable) this.#scheduleAttempt();
    }
  }

  #adopt(connection: Connection, tools: readonly ToolDefinition[]): void {
    const link = new Link(connection, this.#options);
    this.#link = link;
    this.tools = tools;
    const words = describeServer(connection);
    this.features = featuresOf(connection);
    this.description = words === undefined ? undefined : this.#credentials.text(words);
    this.#setStatus({ state: "ready" });
    void watchTools(
      connection.client,
      {
        signal: link.retired.signal,
        backoff: this.#env.reconnect,
        random: this.#env.random,
        timeoutMs: this.#options.connectTimeoutMs,
      },
      { onToolsChanged: () => this.#toolsChanged(), onLost: () => this.#lose(link, false) },
    );
  }

  /** Takes a connection out of use. Calls under way may still end on it, unless it is dead. */
  #lose(link: Link, dead: boolean): void {
    link.retire(dead);
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#attemptEndedAt = -Infinity; // a caller may connect again at once
    if (performance.now() - link.openedAt > CALM_MS) this.#backoff.reset();
    if (this.#scheduleAttempt()) return this.#setStatus({ state: "connecting" });
    this.#setStatus({
      state: "unavailable",
      kind: "unreachable",
      message: `${this.#options.url.href} keeps closing the connection.`,
      hint: "Look at the server's log. The next call tries to connect again.",
    });
  }

  /** Plans one attempt for later, in place of an earlier plan. False when it is up to callers from now on. */
  #scheduleAttempt(): boolean {
    const delayMs = this.#backoff.next();
    this.#planned?.abort();
    if (delayMs === undefined) return false;
    const planned = new AbortController();
    this.#planned = planned;
    void pause(delayMs, planned.signal).then(() => {
      if (!planned.signal.aborted && this.#link === undefined) void this.#startAttempt();
    });
    return true;
  }

  async #diagnose(error: unknown, connection: Connection | undefined): Promise<Diagnosis> {
    const failure = error instanceof ConnectFailure ? error : undefined;
    const facts = failure?.facts ??
      connection?.facts ?? {
        url: this.#options.url,
        headerNames: [],
        initialized: false,
        sessionSeen: false,
        timedOut: false,
        connectTimeoutMs: this.#options.connectTimeoutMs,
      };
    return diagnose(failure?.cause ?? error, facts, this.#env);
  }

  async #list(connection: Connection, signal: AbortSignal): Promise<readonly ToolDefinition[]> {
    const { maxTools, connectTimeoutMs } = this.#options;
    const tools = await listTools(connection.client, { maxTools, pageTimeoutMs: connectTimeoutMs, signal });
    return this.#credentials.data(tools);
  }

  async #refresh(): Promise<void> {
    if (this.#link !== undefined) await this.#relist(this.#link, this.#disposed.signal);
  }

  /** Reads the tools anew. A list that fails leaves the old one; a broken connection shows itself elsewhere. */
  async #relist(link: Link, signal: AbortSignal): Promise<void> {
    try {
      const tools = await this.#list(link.connection, signal);
      if (this.#link !== link) return;
      this.tools = tools;
      this.#emit();
    } catch (error) {
      if (planRecovery(error, link.connection.facts.sessionSeen) === "reconnect") this.#lose(link, false);
    }
  }

  #setStatus(status: SourceStatus): void {
    if (
      this.#disposed.signal.aborted ||
      (status.state === this.status.state && status.state === "connecting")
    )
      return;
    this.status = status;
    this.#emit();
  }

  #emit(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // The listener's own mistake must not look like the server's: it surfaces as its own error.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
