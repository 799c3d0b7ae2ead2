// Answers of tool calls cross here. The server may lie about everything, so each block is read field
// by field. A block of a kind or shape that is not known stays visible as its JSON text, so that a
// program still sees what a newer server meant; what is no object at all is dropped.

import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { ToolContent, ToolResult } from "../tools/tool.ts";
import { isBoundedJson, type JsonBounds } from "./bounded-json.ts";

/** Reads the result of one `tools/call` request; `undefined` when it is none or exceeds the bounds. */
export function parseToolResult(result: unknown, bounds?: JsonBounds): ToolResult | undefined {
  if (!isJsonObject(result)) return undefined;
  if (bounds !== undefined && !isBoundedJson(result, bounds)) return undefined;
  const content = own(result, "content");
  const structuredContent = own(result, "structuredContent");
  const isError = own(result, "isError") === true;
  const ttlMs = parseTtl(own(result, "ttlMs"));
  if (content !== undefined && !Array.isArray(content)) return undefined;
  if (content === undefined && structuredContent === undefined && !isError) return undefined;
  return {
    content: (content ?? []).flatMap(parseBlock),
    ...(structuredContent === undefined ? {} : { structuredContent }),
    ...(isError ? { isError } : {}),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

/** No server may ask for longer. The SDK has the same bound for lists. Milliseconds. */
const MAX_TTL_MS = 24 * 60 * 60 * 1_000;

/**
 * MCP 2026-07-28 names `ttlMs` for lists and resources; servers may send it with the results of their
 * tools too. `cacheScope` beside it is of no use here: no result is shared between two identities.
 */
function parseTtl(value: Json | undefined): number | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Math.min(Math.max(0, value), MAX_TTL_MS);
}

function parseBlock(block: Json): readonly ToolContent[] {
  if (!isJsonObject(block)) return [];
  return [parseKnownBlock(block) ?? { type: "text", text: JSON.stringify(block) }];
}

function parseKnownBlock(block: JsonObject): ToolContent | undefined {
  const type = own(block, "type");
  if (type === "text") {
    const text = string(block, "text");
    return text === undefined ? undefined : { type, text };
  }
  if (type === "image" || type === "audio") {
    const data = string(block, "data");
    const mimeType = string(block, "mimeType");
    return data === undefined || mimeType === undefined ? undefined : { type, data, mimeType };
  }
  if (type === "resource_link") {
    const uri = string(block, "uri");
    return uri === undefined
      ? undefined
      : { type, uri, ...optional(block, "name"), ...optional(block, "mimeType") };
  }
  if (type === "resource") {
    const resource = own(block, "resource");
    if (resource === undefined || !isJsonObject(resource)) return undefined;
    const uri = string(resource, "uri");
    if (uri === undefined) return undefined;
    const fields = {
      ...optional(resource, "mimeType"),
      ...optional(resource, "text"),
      ...optional(resource, "blob"),
    };
    return { type, resource: { uri, ...fields } };
  }
  return undefined;
}

function optional<Key extends string>(object: JsonObject, key: Key): { readonly [K in Key]?: string } {
  const value = string(object, key);
  const found: { [K in Key]?: string } = {};
  if (value !== undefined) found[key] = value;
  return found;
}

function string(object: JsonObject, key: string): string | undefined {
  const value = own(object, key);
  return typeof value === "string" ? value : undefined;
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
