import { decodeBase64 } from "../base/base64.ts";
import { isJsonObject, type Json, parseJson } from "../base/json.ts";
import { createHandles } from "../context/handles.ts";
import { requireSessionName } from "../sessions/session-names.ts";
import { describeBytes } from "./byte-values.ts";
import type { OpenArea } from "./open-area.ts";

/** A value that stayed behind, as a page gets it. */
export interface OpenedValue {
  /** `json`; for bytes their media type, or `bytes`. A server may have told it: show nothing as HTML or script because of it. */
  readonly type: string;
  /** Bytes, or a value in which bytes are `{ type: "bytes", byteLength, base64 }`. */
  readonly value: Json | Uint8Array<ArrayBuffer>;
}

/** Opens a handle for the page. Rejects with 400: `unknown_handle`, or `invalid_request` for what is no session. */
export async function openValue(openArea: OpenArea, handle: string, session?: string): Promise<OpenedValue> {
  const { type, json } = await createHandles(openArea(requireSessionName(session), "handles")).open(handle);
  const value = parseJson(json) ?? null;
  if (type !== "json" && isJsonObject(value) && typeof value["$bytes"] === "string")
    return { type, value: decodeBase64(value["$bytes"]) };
  return { type, value: describeBytes(value) };
}
