import type { Json, JsonObject } from "../base/json.ts";
import type { TraceContext } from "../telemetry/trace.ts";

/** A JSON Schema 2020-12 object as a server sent it: data, not trusted to be valid. */
export type JsonSchema = JsonObject;

/** What a server says about a tool's effects. Hints only: a server may lie. */
export interface ToolAnnotations {
  readonly title?: string;
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
}

/** A tool as its server declares it. Every field is outside data. */
export interface ToolDefinition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** Absent when the server sent none or something that is no object. */
  readonly inputSchema?: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly annotations?: ToolAnnotations;
}

/** One block of a tool's answer, in MCP's own shape; unknown block types pass through. */
export type ToolContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image" | "audio"; readonly data: string; readonly mimeType: string }
  | {
      readonly type: "resource_link";
      readonly uri: string;
      readonly name?: string;
      readonly mimeType?: string;
    }
  | {
      readonly type: "resource";
      readonly resource: {
        readonly uri: string;
        readonly mimeType?: string;
        readonly text?: string;
        readonly blob?: string;
      };
    };

/** A tool's answer in MCP's own shape. */
export interface ToolResult {
  readonly content: readonly ToolContent[];
  readonly structuredContent?: Json;
  readonly isError?: boolean;
  /** How long the server says that it may be used again. Milliseconds; absent when it says nothing. */
  readonly ttlMs?: number;
}

/** How one call is made. */
export interface ToolCallOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: {
    readonly progress: number;
    readonly total?: number;
    readonly message?: string;
  }) => void;
  /** Where the call stands in a trace, for the server to go on with. */
  readonly trace?: TraceContext;
}

/** What a server told of itself when it was reached. */
export interface SourceFeatures {
  readonly transport: string;
  /** Revision of MCP that both sides speak. */
  readonly protocol?: string;
  readonly name?: string;
  readonly version?: string;
  /** Names of its capabilities, such as `tools`, `resources`, `prompts`. */
  readonly capabilities: readonly string[];
}

/** Whether a source's tools can be called now, and if not, why and what to do about it. */
export type SourceStatus =
  | { readonly state: "connecting" }
  | { readonly state: "ready" }
  | {
      readonly state: "unavailable";
      /** Stable name, such as `cors_blocked`, `session_header_hidden`, `unreachable`, `timeout`, `unauthorized`. */
      readonly kind: string;
      readonly message: string;
      readonly hint: string;
    };

/**
 * One place that tools come from: an MCP server or the page itself.
 *
 * `call` resolves with the tool's answer, `isError` included; it rejects with an `OptimizerError`
 * when the call itself failed. The source owns nothing of `args`.
 */
export interface ToolSource extends AsyncDisposable {
  /** The name under which the embedder configured it. */
  readonly id: string;
  /** The server's own words about itself, for search. Outside data. */
  readonly description: string | undefined;
  readonly status: SourceStatus;
  /** How it is reached and what it says that it can do, once it answered. Outside data. */
  readonly features?: SourceFeatures | undefined;
  readonly tools: readonly ToolDefinition[];
  call(name: string, args: JsonObject, options: ToolCallOptions): Promise<ToolResult>;
  /**
   * As whom calls are made now: a text that changes with the credentials and holds none of them.
   * Absent where there is no server, as in the page. Rejects when the credentials can't be had.
   */
  identity?(): Promise<string>;
  /** Called after `status` or `tools` changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}
