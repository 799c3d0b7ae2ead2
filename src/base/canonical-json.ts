import type { Json, JsonObject } from "./json.ts";

/**
 * One text for all spellings of the same JSON value: the keys of objects in one order, no spaces.
 *
 * Values with the same text are the same on the wire (`-0` is written `0` there too), and two that
 * differ there have two texts: texts are compared as they are, without Unicode normalisation.
 * `undefined` for a value whose text would be longer than `maxCharacters`: it is not written to its end.
 * Recursive: the value nests no deeper than `parseJson` allows.
 */
export function canonicalJson(value: Json, maxCharacters = Number.POSITIVE_INFINITY): string | undefined {
  const pieces: string[] = [];
  let left = maxCharacters;
  const put = (piece: string): boolean => {
    left -= piece.length;
    pieces.push(piece);
    return left >= 0;
  };
  const write = (part: Json): boolean => {
    if (typeof part !== "object" || part === null) return put(JSON.stringify(part));
    if (isList(part)) {
      return put("[") && part.every((item, at) => (at === 0 || put(",")) && write(item)) && put("]");
    }
    // Own keys only, and every one of them: `__proto__` is a key like others here.
    const keys = Object.keys(part).sort();
    return put("{") && keys.every((key, at) => writeMember(part, key, at)) && put("}");
  };
  const writeMember = (object: JsonObject, key: string, at: number): boolean =>
    put(`${at === 0 ? "" : ","}${JSON.stringify(key)}:`) && write(object[key] ?? null);
  return write(value) ? pieces.join("") : undefined;
}

function isList(value: JsonObject | readonly Json[]): value is readonly Json[] {
  return Array.isArray(value);
}
