// Every JSON-RPC message from an MCP server crosses here on its way into the SDK. The server may
// lie about everything; what the SDK's own schemas would refuse as a whole is passed around them
// for parsers of ours that keep what is usable.

import type {
  JSONRPCMessage,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "@modelcontextprotocol/client";
import { isJsonObject } from "../base/json.ts";

/** The JSON-RPC error code with which a request ends whose answer can no longer arrive. Ours, never sent. */
export const STREAM_LOST_CODE = -32_499;

/** Where an answer that only our parsers read is found in the SDK's result object. */
export const UNTRUSTED_KEY = "untrusted";

/** What a transport of the SDK does not do by itself. */
export interface GuardHooks {
  /** Why the last event stream was cut by us, if it was. */
  readonly takeOverflow: () => Error | undefined;
}

/**
 * A transport around a transport.
 *
 * It ends a request at once when its response stream closes without an answer (the SDK would wait
 * for the timeout), releases the connection of a cancelled request (the SDK leaves it open for
 * 2025 servers, and a page has six of them), and hands the answers to `tools/list` and
 * `tools/call` on unread under `UNTRUSTED_KEY`: one bad entry must not cost the whole list.
 */
export class GuardedTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: (<T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void) | undefined;
  /** True once the server answered `initialize` with a result. */
  initialized = false;

  readonly #inner: Transport;
  readonly #hooks: GuardHooks;
  readonly #pending = new Map<RequestId, { readonly method: string; readonly abort: AbortController }>();

  constructor(inner: Transport, hooks: GuardHooks) {
    this.#inner = inner;
    this.#hooks = hooks;
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  get hasPerRequestStream(): boolean {
    return this.#inner.hasPerRequestStream === true;
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion?.(version);
  }

  setSupportedProtocolVersions(versions: string[]): void {
    this.#inner.setSupportedProtocolVersions?.(versions);
  }

  async start(): Promise<void> {
    this.#inner.onclose = () => this.onclose?.();
    this.#inner.onerror = (error) => this.onerror?.(error);
    this.#inner.onmessage = (message, extra) => this.onmessage?.(this.#received(message), extra);
    await this.#inner.start();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ("method" in message && "id" in message) return this.#sendRequest(message.id, message, options);
    await this.#inner.send(message, options);
    if ("method" in message && message.method === "notifications/cancelled")
      this.#cancelled(message.params?.requestId);
  }

  async #sendRequest(
    id: RequestId,
    message: JSONRPCMessage & { method: string },
    options?: TransportSendOptions,
  ) {
    const abort = new AbortController();
    const outer = options?.requestSignal;
    const forget = () => {
      this.#pending.delete(id);
      abort.abort(outer?.reason);
    };
    if (outer?.aborted === true) forget();
    else outer?.addEventListener("abort", forget, { once: true });
    this.#pending.set(id, { method: message.method, abort });
    try {
      await this.#inner.send(message, {
        ...options,
        requestSignal: abort.signal,
        onRequestStreamEnd: () => {
          outer?.removeEventListener("abort", forget);
          options?.onRequestStreamEnd?.();
          this.#streamEnded(id);
        },
      });
    } catch (error) {
      this.#pending.delete(id);
      throw error;
    }
  }

  #received<T extends JSONRPCMessage>(message: T): T {
    if (!("id" in message) || "method" in message || message.id === undefined) return message;
    const method = this.#pending.get(message.id)?.method;
    this.#pending.delete(message.id);
    if (!("result" in message)) return message;
    if (method === "initialize") this.initialized = true;
    const { result } = message;
    if (method !== "tools/list" && method !== "tools/call") return message;
    const resultType: unknown =
      isJsonObject(result) && Object.hasOwn(result, "resultType") ? result["resultType"] : undefined;
    // Anything else than a finished answer is the SDK's to continue, such as `input_required`.
    if (resultType !== undefined && resultType !== "complete") return message;
    // The least that satisfies the SDK's schemas for both methods in both eras.
    const envelope = { resultType: "complete", tools: [], content: [], ttlMs: 0, cacheScope: "private" };
    return { ...message, result: { ...envelope, [UNTRUSTED_KEY]: result } };
  }

  #cancelled(id: unknown): void {
    if (typeof id !== "string" && typeof id !== "number") return;
    this.#pending.get(id)?.abort.abort();
    this.#pending.delete(id);
  }

  #streamEnded(id: RequestId): void {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (request === undefined || request.method === "subscriptions/listen") return;
    const overflow = this.#hooks.takeOverflow();
    const message = overflow?.message ?? "The server closed the connection before it answered.";
    const data = overflow === undefined ? {} : { overflow: true };
    this.onmessage?.({ jsonrpc: "2.0", id, error: { code: STREAM_LOST_CODE, message, data } });
  }
}
