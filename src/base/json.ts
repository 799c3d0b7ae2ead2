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
 * levels, which recursive code further on could not walk, that holds more than `maxValues` values, or
 * a number beyond JavaScript's: `1e999` is read as `Infinity`, which the next JSON text would call `null`.
 */
export function parseJson(text: string, maxValues = Number.POSITIVE_INFINITY): Json | undefined {
  // A long text of another kind need not be walked.
  if (!BEGINS_JSON.test(text)) return undefined;
  const { depth, values, mayOverflow } = measure(text);
  if (depth > MAX_DEPTH || values > maxValues) return undefined;
  try {
    const value: Json = JSON.parse(text);
    return mayOverflow && holdsInfinity(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

const BEGINS_JSON = /^[ \t\n\r]*[[{"\-0-9tfn]/;

function holdsInfinity(root: Json): boolean {
  const open: Json[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value === "number" && !Number.isFinite(value)) return true;
    if (typeof value === "object" && value !== null) for (const part of Object.values(value)) open.push(part);
  }
  return false;
}

/** Whether JSON text nests deeper than so many levels. */
export function nestsDeeper(text: string, levels: number): boolean {
  return measure(text).depth > levels;
}

interface Measures {
  readonly depth: number;
  /** About: what opens and what a comma parts. */
  readonly values: number;
  /** There is an exponent, or a number of {@link LONG_NUMBER} digits. */
  readonly mayOverflow: boolean;
}

/** Fewer digits without an exponent are far below the largest number. */
const LONG_NUMBER = 300;

function measure(text: string): Measures {
  let open = 0;
  let depth = 0;
  let values = 1;
  let digits = 0;
  let mayOverflow = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= ZERO && unit <= NINE) {
      digits += 1;
      if (digits > LONG_NUMBER) mayOverflow = true;
      continue;
    }
    if (digits > 0 && (unit === SMALL_E || unit === LARGE_E)) mayOverflow = true;
    digits = 0;
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === COMMA) values += 1;
    else if (unit === OPEN_ARRAY || unit === OPEN_OBJECT) {
      open += 1;
      values += 1;
      if (open > depth) depth = open;
    } else if (unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) open -= 1;
  }
  return { depth, values, mayOverflow };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const LARGE_E = 0x45;
const SMALL_E = 0x65;
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
