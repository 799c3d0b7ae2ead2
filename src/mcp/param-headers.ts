// MCP 2026-07-28, Streamable HTTP: a parameter that its schema marks with `x-mcp-header` is sent in
// the header `Mcp-Param-<name>` too; a tool whose marks break the rules must not be offered.

import { encodeBase64 } from "../base/base64.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";

/** One parameter that is repeated in a request header. */
export interface ParamHeader {
  /** Keys that lead from the arguments object to the value. */
  readonly path: readonly string[];
  /** The header's name after the prefix `Mcp-Param-`. */
  readonly name: string;
}

const HEADER_KEYWORD = "x-mcp-header";
/** RFC 9110 section 5.1, `token`. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES: readonly unknown[] = ["string", "integer", "boolean"];

/** The marked parameters of an input schema, or `undefined` when a mark breaks the rules. The schema must be of bounded depth. */
export function findParamHeaders(schema: JsonObject | undefined): readonly ParamHeader[] | undefined {
  const found: ParamHeader[] = [];
  const names = new Set<string>();
  let valid = true;

  const visit = (node: unknown, path: readonly string[] | undefined): void => {
    if (Array.isArray(node)) for (const item of node) visit(item, undefined);
    if (!isJsonObject(node)) return;
    if (Object.hasOwn(node, HEADER_KEYWORD)) {
      const name: unknown = node[HEADER_KEYWORD];
      const usable =
        path !== undefined &&
        path.length > 0 &&
        typeof name === "string" &&
        TOKEN.test(name) &&
        TYPES.includes(node["type"]);
      if (!usable || names.has(name.toLowerCase())) {
        valid = false;
        return;
      }
      names.add(name.toLowerCase());
      found.push({ path, name });
    }
    for (const [key, child] of Object.entries(node)) {
      if (key === "properties" && isJsonObject(child)) {
        for (const [property, sub] of Object.entries(child)) visit(sub, path && [...path, property]);
      } else if (SUBSCHEMA_KEYWORDS.has(key)) {
        visit(child, undefined);
      } else if (SUBSCHEMA_MAP_KEYWORDS.has(key) && isJsonObject(child)) {
        for (const sub of Object.values(child)) visit(sub, undefined);
      }
    }
  };

  visit(schema, []);
  return valid ? found : undefined;
}

/** The headers for one call. A value that is absent or no primitive has none, as the specification asks. */
export function buildParamHeaders(params: readonly ParamHeader[], args: JsonObject): Record<string, string> {
  const headers = new Map<string, string>();
  for (const { path, name } of params) {
    let value: unknown = args;
    for (const key of path) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    const text = primitiveText(value);
    if (text !== undefined) headers.set(`Mcp-Param-${name}`, encodeHeaderValue(text));
  }
  return Object.fromEntries(headers);
}

/** Places where a mark is forbidden, because a request does not say which branch holds. */
const SUBSCHEMA_KEYWORDS: ReadonlySet<string> = new Set(
  "items prefixItems contains additionalProperties unevaluatedProperties unevaluatedItems propertyNames oneOf anyOf allOf not if then else".split(
    " ",
  ),
);
const SUBSCHEMA_MAP_KEYWORDS: ReadonlySet<string> = new Set([
  "patternProperties",
  "dependentSchemas",
  "$defs",
  "definitions",
]);

function primitiveText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

/** Plain ASCII travels as it is; everything else as `=?base64?…?=` of its UTF-8 bytes. */
function encodeHeaderValue(text: string): string {
  const plain = /^[\t\x20-\x7e]+$/.test(text) && text === text.trim() && !/^=\?base64\?.*\?=$/.test(text);
  if (plain) return text;
  return `=?base64?${encodeBase64(new TextEncoder().encode(text))}?=`;
}
