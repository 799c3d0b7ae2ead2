import { encodeBase64 } from "../base/base64.ts";
import { messageOf, OptimizerError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { copyJson } from "./copy-json.ts";
import type {
  JsonSchema,
  ToolAnnotations,
  ToolContent,
  ToolDefinition,
  ToolResult,
  ToolSource,
} from "./tool.ts";

/** A tool that lives in the page itself. */
export interface PageTool {
  readonly description?: string;
  readonly inputSchema?: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly annotations?: ToolAnnotations;
  /**
   * Does the work. The value may be JSON, `undefined` (which counts as `null`), a string (text), or
   * bytes: `Uint8Array`, `ArrayBuffer` or `Blob`. What it throws becomes a tool error with that message.
   * It owns `args`.
   */
  call(args: JsonObject, options: { readonly signal: AbortSignal }): unknown;
}

/** The namespace of in-page tools. */
export const PAGE_SOURCE_ID = "page";

/**
 * Makes a source of the embedder's own functions. It is ready at once and never changes.
 *
 * @throws OptimizerError 400 `bad_page_tool` for a tool without a function.
 */
export function createPageSource(tools: Readonly<Record<string, PageTool>>): ToolSource {
  const byName = new Map(Object.entries(tools));
  for (const [name, tool] of byName) {
    if (typeof tool?.call === "function") continue;
    throw new OptimizerError(`The in-page tool ${JSON.stringify(name)} has no function.`, {
      code: 400,
      kind: "bad_page_tool",
      hint: "Give it { description, inputSchema, call: async (args, { signal }) => value }.",
    });
  }
  return {
    id: PAGE_SOURCE_ID,
    description: undefined,
    status: { state: "ready" },
    tools: [...byName].map(([name, tool]) => define(name, tool)),
    async call(name, args, { signal }) {
      const tool = byName.get(name);
      if (tool === undefined) throw unknownTool(name);
      if (signal.aborted) throw cancelled(name);
      let value: unknown;
      try {
        value = await untilAborted(tool.call(args, { signal }), signal);
      } catch (error) {
        if (signal.aborted) throw cancelled(name);
        return { content: [{ type: "text", text: messageOf(error) }], isError: true };
      }
      return toResult(name, value);
    },
    onChange: () => () => {},
    async [Symbol.asyncDispose]() {},
  };
}

function define(name: string, tool: PageTool): ToolDefinition {
  const { description, inputSchema, outputSchema, annotations } = tool;
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(inputSchema === undefined ? {} : { inputSchema }),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** A tool that ignores its signal must not hold up a run that has ended. Values that are no promise pass straight through. */
function untilAborted(value: unknown, signal: AbortSignal): unknown {
  if (typeof value !== "object" || value === null || !("then" in value)) return value;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const settled = () => signal.removeEventListener("abort", abort);
    Promise.resolve(value).then(resolve, reject).finally(settled);
  });
}

function toResult(name: string, value: unknown): ToolResult | Promise<ToolResult> {
  if (typeof value === "string") return { content: [{ type: "text", text: value }] };
  if (value instanceof Uint8Array) return bytes(name, value, "application/octet-stream");
  if (value instanceof ArrayBuffer) return bytes(name, new Uint8Array(value), "application/octet-stream");
  if (typeof Blob !== "undefined" && value instanceof Blob) {
    return value
      .arrayBuffer()
      .then((buffer) => bytes(name, new Uint8Array(buffer), value.type || "application/octet-stream"));
  }
  let structuredContent: Json;
  try {
    // A copy keeps the page's live object out of the guest's reach.
    structuredContent = copyJson(value);
  } catch (error) {
    throw notJson(name, error);
  }
  return {
    structuredContent,
    // Few readers want the text beside the data, so it is made when one asks.
    get content(): readonly ToolContent[] {
      return [{ type: "text", text: JSON.stringify(structuredContent) }];
    },
  };
}

function bytes(name: string, data: Uint8Array, mimeType: string): ToolResult {
  const base64 = encodeBase64(data);
  const block: ToolContent = mimeType.startsWith("image/")
    ? { type: "image", data: base64, mimeType }
    : { type: "resource", resource: { uri: `page://${encodeURIComponent(name)}`, mimeType, blob: base64 } };
  return { content: [block] };
}

function unknownTool(name: string): OptimizerError {
  return new OptimizerError(`There is no in-page tool ${JSON.stringify(name)}.`, {
    code: 400,
    kind: "unknown_tool",
  });
}

function cancelled(name: string): OptimizerError {
  return new OptimizerError(`The call of the in-page tool ${JSON.stringify(name)} was cancelled.`, {
    code: 408,
    kind: "cancelled",
  });
}

function notJson(name: string, cause: unknown): OptimizerError {
  return new OptimizerError(
    `The in-page tool ${JSON.stringify(name)} returned a value that JSON cannot carry: ${messageOf(cause)}.`,
    {
      code: 500,
      kind: "invalid_result",
      hint: "Return plain objects, arrays, strings, numbers, booleans, null or bytes.",
      cause,
    },
  );
}
