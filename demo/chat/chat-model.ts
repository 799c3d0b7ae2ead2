import type { ModelTool } from "../../src/index.ts";

/** Where a model is, and as whom it is asked. The key is in memory only, and goes to `baseUrl` only. */
export interface ModelSettings {
  readonly api: ModelApi;
  readonly baseUrl: string;
  readonly model: string;
  readonly key: string;
}

/** The two ways to speak to a model; many other endpoints speak the first. */
export type ModelApi = "openai" | "anthropic";

/** What one turn needs, and tells while it goes on. */
export interface Turn {
  readonly text: string;
  /** What the model knows beforehand: the manifest. */
  readonly system: string;
  /** The one tool, as it is now; it shows what it runs. */
  readonly tool: ModelTool;
  /** A piece of what the model says. */
  readonly onText: (piece: string) => void;
  /** What one request has cost, as the endpoint counts. Tokens. */
  readonly onUsage: (read: number, written: number) => void;
  readonly signal: AbortSignal;
}

/**
 * A conversation with one model.
 *
 * `say` resolves when the model has said its last word, programs included. A turn that rejects leaves the conversation
 * as it was before it.
 */
export interface ChatModel {
  say(turn: Turn): Promise<void>;
}

/** Requests of one turn: a model that calls its tool for ever is stopped. */
export const MAX_REQUESTS = 12;

/**
 * `fetch` without the headers in which the clients describe the visitor's machine: endpoints that allow pages rarely
 * allow those, and have no need of them.
 */
async function plainFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  for (const name of [...headers.keys()]) if (name.startsWith("x-stainless-")) headers.delete(name);
  return fetch(input, { ...init, headers, credentials: "omit", referrerPolicy: "no-referrer" });
}

/** How both clients ask: as the visitor, once, and without a word about the machine. */
export function clientOptions({ baseUrl, key }: ModelSettings) {
  return {
    baseURL: baseUrl,
    // Local servers want none.
    apiKey: key === "" ? "none" : key,
    maxRetries: 0,
    fetch: plainFetch,
    // It is the visitor's own key, typed into this page by the visitor.
    dangerouslyAllowBrowser: true,
  };
}
