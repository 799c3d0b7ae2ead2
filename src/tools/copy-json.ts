import type { Json } from "../base/json.ts";

/** Nesting beyond this counts as a cycle. */
const MAX_DEPTH = 200;

/**
 * Copies a value of the page's own code into plain JSON data, by the rules of `JSON.stringify`
 * (`toJSON` is called, `undefined` members are left out), but loudly where that would drop or blur
 * something. It is on the way of every in-page call, so places are only kept track of in a second
 * pass, after the first one failed.
 *
 * @throws TypeError that names the place, for functions, symbols, bigints, `NaN`, infinities, maps,
 * sets, bytes inside objects, and cycles.
 */
export function copyJson(value: unknown): Json {
  try {
    return copy(value, undefined, 0);
  } catch {
    return copy(value, "it", 0);
  }
}

function copy(value: unknown, path: string | undefined, depth: number): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new TypeError(`${path} is ${value}`);
  }
  if (typeof value !== "object") throw new TypeError(`${path} is a ${typeof value}`);
  if (depth > MAX_DEPTH) {
    throw new TypeError(`${path?.slice(0, 100)}… is nested too deeply, or contains itself`);
  }
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (let index = 0; index < value.length; index += 1) {
      items.push(copy(value[index], path && `${path}[${index}]`, depth + 1));
    }
    return items;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const converted: unknown = value.toJSON("");
    return copy(converted, path, depth + 1);
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) refuseContainers(value, path);
  const result: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    const member: unknown = Reflect.get(value, key);
    if (member === undefined) continue;
    const json = copy(member, path && `${path}.${key}`, depth + 1);
    // Plain assignment of this one key would change the copy's prototype.
    if (key === "__proto__") {
      Object.defineProperty(result, key, {
        value: json,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    } else result[key] = json;
  }
  return result;
}

/** These would become `{}` in silence. */
function refuseContainers(value: object, path: string | undefined): void {
  const lossy =
    value instanceof Map || value instanceof Set || value instanceof ArrayBuffer || ArrayBuffer.isView(value);
  if (lossy) throw new TypeError(`${path} is a ${value.constructor.name}`);
}
