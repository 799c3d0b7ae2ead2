import { type Json, type JsonObject, parseJson } from "../base/json.ts";
import type { ToolContent, ToolResult } from "./tool.ts";

/** A tool's answer as the value that a program receives. */
export interface ToolValue {
  readonly value: Json;
  /** The value holds `{ "$bytes": base64 }` objects, which the guest turns into bytes. */
  readonly bytes: boolean;
}

/**
 * What a call gives to the program: the structured content when there is some, else the text parsed
 * as JSON, else the text. Images and other binary content become objects with `bytes`; several
 * blocks become a list.
 */
export function toolValueOf(result: ToolResult): ToolValue {
  if (result.structuredContent !== undefined) return { value: result.structuredContent, bytes: false };
  const values = result.content.map(blockValue);
  const [only] = values;
  return {
    value: only !== undefined && values.length === 1 ? only.value : values.map(({ value }) => value),
    bytes: values.some(({ bytes }) => bytes),
  };
}

/** All text of an answer, which for a failed call is its error message. */
export function toolTextOf(result: ToolResult): string {
  const texts = result.content.flatMap((block) => (block.type === "text" ? [block.text] : []));
  return texts.join("\n") || JSON.stringify(result.structuredContent ?? null);
}

function blockValue(block: ToolContent): ToolValue {
  switch (block.type) {
    case "text":
      return { value: textValue(block.text), bytes: false };
    case "image":
    case "audio":
      return {
        value: { type: block.type, mimeType: block.mimeType, bytes: { $bytes: block.data } },
        bytes: true,
      };
    case "resource": {
      const { uri, mimeType, text, blob } = block.resource;
      const facts: JsonObject = { type: "resource", uri, ...(mimeType === undefined ? {} : { mimeType }) };
      return blob === undefined
        ? { value: { ...facts, text: text ?? "" }, bytes: false }
        : { value: { ...facts, bytes: { $bytes: blob } }, bytes: true };
    }
    case "resource_link":
      return { value: { ...block }, bytes: false };
    default:
      block satisfies never;
      return { value: null, bytes: false };
  }
}

function textValue(text: string): Json {
  const value = parseJson(text);
  // A number that JavaScript would write in another way is an identifier or too exact: keep its text.
  if (value === undefined || (typeof value === "number" && String(value) !== text)) return text;
  return value;
}
