import { type Json, parseJson } from "../base/json.ts";

/** A stored record as JSON; `undefined` for bytes, for text that is no JSON, and where there is none. */
export function parseStored(record: unknown): Json | undefined {
  return typeof record === "string" ? parseJson(record) : undefined;
}
