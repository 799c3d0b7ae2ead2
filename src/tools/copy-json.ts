import type { Json } from "../base/json.ts";

/** Nesting beyond this counts as a cycle. */
const MAX_DEPTH = 200;

/**
 * Copies a value of the page's own code into plain JSON data, by the rules of `JSON.stringify`
 * (`toJSON` is called, `undefined` members are left out), but loudly where that would drop or blur
 * something. One pass, because it is on the way of every in-page call.
 *
 * @throws TypeError that names the place, for functions, symbols, bigints, `NaN`, infinities, maps,
 * sets, bytes inside objects, and cycles.
 */
export function copyJson(value: unknown, path = "it", depth = 0): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new TypeError(`${path} is ${value}`);
  }
  if (typeof value !== "object") throw new TypeError(`${path} is a ${typeof value}`);
  if (depth > MAX_DEPTH)
    throw new TypeError(`${path.slice(0, 100)}… is nested too deeply, or contains itself`);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => copyJson(item, `${path}[${index}]`, depth + 1));
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const converted: unknown = value.toJSON("");
    return copyJson(converted, path, depth + 1);
  }
  if (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  ) {
    throw new TypeError(`${path} is a ${value.constructor.name}`);
  }
  const copy: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const json = copyJson(member, depth < 8 ? `${path}.${key}` : path, depth + 1);
    // Plain assignment of this one key would change the copy's prototype.
    if (key === "__proto__")
      Object.defineProperty(copy, key, { value: json, enumerable: true, writable: true, configurable: true });
    else copy[key] = json;
  }
  return copy;
}
