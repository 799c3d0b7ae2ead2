// Tool definitions from an MCP server cross here. The server may lie about everything: names,
// sizes, schemas. Entries that are no usable tool are dropped; fields that are no use are left out.

import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { JsonSchema, ToolAnnotations, ToolDefinition } from "../tools/tool.ts";
import { isBoundedJson } from "./bounded-json.ts";

/** What one page of a tool list came to. */
export interface ToolPage {
  readonly tools: readonly ToolDefinition[];
  /** Entries that were no usable tool. */
  readonly dropped: number;
  readonly nextCursor: string | undefined;
}

/** Sizes beyond which a field of a tool is cut or left out. MCP itself advises names of at most 128 characters. */
export interface ToolTextLimits {
  readonly nameChars: number;
  readonly titleChars: number;
  readonly descriptionChars: number;
  readonly schemaChars: number;
  readonly schemaNodes: number;
  readonly schemaDepth: number;
  readonly cursorChars: number;
}

/** Far above real tools: the definitions of 2,990 tools of real servers average 411 tokens, about 2,000 characters. */
export const TOOL_TEXT_LIMITS: ToolTextLimits = {
  nameChars: 256,
  titleChars: 512,
  descriptionChars: 16_384,
  schemaChars: 262_144,
  schemaNodes: 50_000,
  schemaDepth: 64,
  cursorChars: 65_536,
};

/** Reads the result of one `tools/list` request, or says that it is none. */
export function parseToolPage(result: unknown): ToolPage | undefined {
  if (!isJsonObject(result)) return undefined;
  const entries: unknown = own(result, "tools");
  if (!Array.isArray(entries)) return undefined;
  const tools: ToolDefinition[] = [];
  for (const entry of entries) {
    const tool = parseTool(entry);
    if (tool !== undefined) tools.push(tool);
  }
  const cursor: unknown = own(result, "nextCursor");
  const usable = typeof cursor === "string" && cursor !== "" && cursor.length <= TOOL_TEXT_LIMITS.cursorChars;
  return { tools, dropped: entries.length - tools.length, nextCursor: usable ? cursor : undefined };
}

/** Reads one tool, or returns `undefined` when it has no usable name. */
export function parseTool(entry: unknown): ToolDefinition | undefined {
  if (!isJsonObject(entry)) return undefined;
  const name: unknown = own(entry, "name");
  if (typeof name !== "string" || name === "" || name.length > TOOL_TEXT_LIMITS.nameChars) return undefined;
  const title = text(own(entry, "title"), TOOL_TEXT_LIMITS.titleChars);
  const description = text(own(entry, "description"), TOOL_TEXT_LIMITS.descriptionChars);
  const inputSchema = parseSchema(own(entry, "inputSchema"));
  const outputSchema = parseSchema(own(entry, "outputSchema"));
  const annotations = parseAnnotations(own(entry, "annotations"));
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(inputSchema === undefined ? {} : { inputSchema }),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function parseSchema(value: unknown): JsonSchema | undefined {
  if (!isJsonObject(value)) return undefined;
  const fits = isBoundedJson(value, {
    maxDepth: TOOL_TEXT_LIMITS.schemaDepth,
    maxNodes: TOOL_TEXT_LIMITS.schemaNodes,
    maxChars: TOOL_TEXT_LIMITS.schemaChars,
  });
  return fits ? value : undefined;
}

function parseAnnotations(value: unknown): ToolAnnotations | undefined {
  if (!isJsonObject(value)) return undefined;
  const title = text(own(value, "title"), TOOL_TEXT_LIMITS.titleChars);
  const hints = (["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] as const).flatMap(
    (key) => {
      const hint: unknown = own(value, key);
      return typeof hint === "boolean" ? [[key, hint] as const] : [];
    },
  );
  if (title === undefined && hints.length === 0) return undefined;
  return { ...(title === undefined ? {} : { title }), ...Object.fromEntries(hints) };
}

function text(value: unknown, maxChars: number): string | undefined {
  return typeof value === "string" ? value.slice(0, maxChars) : undefined;
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
