import { OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { ToolCallOptions, ToolResult } from "../tools/tool.ts";
import type { Connection } from "./connection.ts";
import { parseToolResult } from "./parse-result.ts";
import type { ResolvedServerOptions } from "./server-options.ts";

/** Nesting allowed in an answer that came through a transport of the embedder's. */
const RESULT_DEPTH = 1_000;

/** An open connection in use: it stays open until it was taken out of use and its last call ended. */
export class Link {
  readonly connection: Connection;
  readonly openedAt = performance.now();
  /** Aborts when the link is taken out of use. */
  readonly retired = new AbortController();

  readonly #options: ResolvedServerOptions;
  #calls = 0;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, options: ResolvedServerOptions) {
    this.connection = connection;
    this.#options = options;
  }

  /** Makes one call. Rejects with what the SDK throws, or OptimizerError 500 `invalid_result`. */
  async call(name: string, args: JsonObject, options: ToolCallOptions): Promise<ToolResult> {
    const { signal, onProgress, trace } = options;
    this.#calls += 1;
    try {
      const answer = await this.connection.client.callRaw(name, args, trace, {
        signal,
        // The signal carries our own deadline; the SDK's default of 60 s must not come before it.
        timeout: this.#options.callTimeoutMs + 1_000,
        ...(onProgress === undefined
          ? {}
          : {
              onprogress: ({ progress, total, message }) =>
                onProgress({
                  progress,
                  ...(total === undefined ? {} : { total }),
                  ...(message === undefined ? {} : { message }),
                }),
            }),
      });
      const result = parseToolResult(answer, this.#bounds());
      if (result !== undefined) return result;
      throw new OptimizerError(
        `${this.#options.id}.${name} answered with something that is no tool result.`,
        {
          code: 500,
          kind: "invalid_result",
          hint: "The server broke the MCP protocol; the call may have happened.",
        },
      );
    } finally {
      this.#calls -= 1;
      if (this.retired.signal.aborted && this.#calls === 0) void this.close();
    }
  }

  /** Takes the link out of use; calls under way may still end on it, unless it is `dead`. */
  retire(dead: boolean): void {
    this.retired.abort();
    if (dead || this.#calls === 0) void this.close();
  }

  /** Closes it now. Never rejects. */
  close(): Promise<void> {
    this.retired.abort();
    this.#closing ??= Promise.resolve(this.connection[Symbol.asyncDispose]());
    return this.#closing;
  }

  /** HTTP bodies were counted while they were read; what a custom transport hands over was not. */
  #bounds() {
    if (this.connection.via !== "custom") return undefined;
    const { maxResponseBytes } = this.#options;
    return { maxDepth: RESULT_DEPTH, maxNodes: maxResponseBytes, maxChars: maxResponseBytes };
  }
}
