// Results of tools become types here. A server may put anything into its results, other people's data
// included: no value of them is kept, and no key that is not what developers call fields.

import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { isDataKey } from "./data-keys.ts";
import { type Field, NEVER, type ObjectShape, type Shape, UNKNOWN } from "./shape.ts";
import { MAX_SHAPE_DEPTH } from "./trim-shape.ts";
import { BYTES_NOTE, mapWhereKeysAreData, widenShapes } from "./widen-shapes.ts";

/** Values of one result that are looked at. Lists and objects share them out evenly among their members. */
const MAX_VALUES = 2_000;
/** Items of one list that are looked at, first and last ones included. */
const MAX_ITEMS = 24;
/** Keys of one object that are looked at. */
const MAX_KEYS = 200;

/**
 * The type of one value. What lies too deep is `unknown`; what was not looked at is `never`.
 *
 * `bytes` says that objects such as `{ "$bytes": base64 }` in it stand for bytes.
 */
export function inferShape(value: Json, bytes = false): Shape {
  let left = MAX_VALUES;

  /** Reads one of `count` members with its even share of what is left. */
  const readShare = (part: Json, depth: number, count: number): Shape => {
    const before = left;
    const share = Math.floor(before / count);
    left = share;
    const shape = read(part, depth);
    left += before - share;
    return shape;
  };

  const read = (part: Json, depth: number): Shape => {
    if (left <= 0) return NEVER;
    left -= 1;
    if (part === null) return { kind: "null" };
    if (typeof part === "string") return { kind: "string" };
    if (typeof part === "boolean") return { kind: "boolean" };
    if (typeof part === "number") return { kind: Number.isInteger(part) ? "integer" : "number" };
    if (depth >= MAX_SHAPE_DEPTH) return UNKNOWN;
    return isJsonObject(part) ? readObject(part, depth + 1) : readList(part, depth + 1);
  };

  const readList = (list: readonly Json[], depth: number): Shape => {
    const items = sampleOf(list, MAX_ITEMS);
    return {
      kind: "array",
      item: widenShapes(items.map((item, at) => readShare(item, depth, items.length - at))),
    };
  };

  const readObject = (object: JsonObject, depth: number): Shape => {
    const keys = sampleOf(Object.keys(object), MAX_KEYS);
    if (bytes && keys.length === 1 && typeof object["$bytes"] === "string")
      return { kind: "unknown", note: BYTES_NOTE };
    const fields: Field[] = [];
    const others: Shape[] = [];
    for (const [at, name] of keys.entries()) {
      const shape = readShare(object[name] ?? null, depth, keys.length - at);
      if (isDataKey(name)) others.push(shape);
      else fields.push({ name, required: true, shape });
    }
    const whole: ObjectShape = {
      kind: "object",
      fields,
      ...(others.length > 0 && { others: widenShapes(others) }),
    };
    return mapWhereKeysAreData(whole, others.length);
  };

  return read(value, 0);
}

/** At most `count` of them, evenly spread. */
function sampleOf<T>(list: readonly T[], count: number): readonly T[] {
  if (list.length <= count) return list;
  const step = (list.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, at) => list[Math.round(at * step)]).flatMap((item) =>
    item === undefined ? [] : [item],
  );
}
