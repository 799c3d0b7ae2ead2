import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";

/** Bytes inside a value that a program returned. */
export interface FoundBytes {
  /** The object that stands for them: `{ type: "bytes", byteLength, base64 }`. */
  readonly object: JsonObject;
  readonly base64: string;
  readonly byteLength: number;
  /** What the object around them calls `mimeType`, as tools do; else what they begin like; else `bytes`. */
  readonly type: string;
}

/** Outside text that goes on: of harmless characters. */
const MEDIA_TYPE = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** How files of well-known types begin, in base64. */
const BEGINNINGS = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["JVBERi0", "application/pdf"],
] as const;

/** A copy of a value as a program returned it, with something else in place of its bytes. */
export function replaceBytes(value: Json, replace: (bytes: FoundBytes) => Json, mediaType?: string): Json {
  if (Array.isArray(value)) return value.map((item) => replaceBytes(item, replace));
  if (!isJsonObject(value)) return value;
  const { base64, byteLength, mimeType } = value;
  if (
    value["type"] === "bytes" &&
    typeof base64 === "string" &&
    base64.length % 4 === 0 &&
    BASE64.test(base64) &&
    byteLength === decodedLength(base64)
  ) {
    const [, beginsLike = "bytes"] = BEGINNINGS.find(([start]) => base64.startsWith(start)) ?? [];
    return replace({ object: value, base64, byteLength, type: mediaType ?? beginsLike });
  }
  const inner = typeof mimeType === "string" && MEDIA_TYPE.test(mimeType) ? mimeType : undefined;
  return mapFields(value, (field) => replaceBytes(field, replace, inner));
}

/** Bytes as tools give them, `{ "$bytes": base64 }`, become bytes as programs return them. */
export function describeBytes(value: Json): Json {
  if (Array.isArray(value)) return value.map(describeBytes);
  if (!isJsonObject(value)) return value;
  const { $bytes: base64 } = value;
  if (typeof base64 === "string" && Object.keys(value).length === 1) {
    return { type: "bytes", byteLength: decodedLength(base64), base64 };
  }
  return mapFields(value, describeBytes);
}

function mapFields(object: JsonObject, map: (field: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, field]) => [key, map(field)]));
}

function decodedLength(base64: string): number {
  return Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
}
