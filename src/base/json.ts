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
