/** Any value that JSON text can carry. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. Keys come from outside: read them with `Object.hasOwn` or `Object.entries`. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** True for a JSON object: not `null`, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How deep JSON from outside may nest. */
const MAX_DEPTH = 256;

/**
 * Parses JSON text from outside. `undefined` for text that is no JSON, that nests deeper than 256
 * levels, which recursive code further on could not walk, or that holds more than `maxValues` values.
 */
export function parseJson(text: string, maxValues = Number.POSITIVE_INFINITY): Json | undefined {
  const { depth, values } = measure(text);
  if (depth > MAX_DEPTH || values > maxValues) return undefined;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Whether JSON text nests deeper than so many levels. */
export function nestsDeeper(text: string, levels: number): boolean {
  return measure(text).depth > levels;
}

/** How deep a text nests, and about how many values it holds: what opens and what a comma parts. */
function measure(text: string): { readonly depth: number; readonly values: number } {
  let open = 0;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === COMMA) values += 1;
    else if (unit === OPEN_ARRAY || unit === OPEN_OBJECT) {
      open += 1;
      values += 1;
      if (open > depth) depth = open;
    } else if (unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) open -= 1;
  }
  return { depth, values };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at > 0) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
  return text.length;
}
