// What was learned of results crosses here on its way back from a store. The store may hold anything:
// another version's text, half a text, or what somebody wrote there.

import { isJsonObject, type Json, parseJson } from "../base/json.ts";
import { isDataKey } from "./data-keys.ts";
import type { Field, Shape } from "./shape.ts";
import { MAX_SHAPE_DEPTH, trimShape } from "./trim-shape.ts";
import { BYTES_NOTE, widenShapes } from "./widen-shapes.ts";

/** What was learned of one tool. */
export interface LearnedShape {
  readonly namespace: string;
  /** The tool's name as its server spells it. */
  readonly tool: string;
  readonly shape: Shape;
  /** Results seen. */
  readonly results: number;
}

/** The version of the text; others are not read. */
const VERSION = 1;
const ENVELOPE = [`{"version":${VERSION},"tools":[`, "]}"];
const MAX_NAME_CHARACTERS = 300;

/** Characters of the whole text. */
const MAX_TEXT_CHARACTERS = 512 * 1024;

/** Writes what {@link parseShapes} reads: the last ones of the list, as many as the text may hold. */
export function writeShapes(learned: readonly LearnedShape[]): string {
  const kept: string[] = [];
  let left = MAX_TEXT_CHARACTERS - ENVELOPE.join("").length;
  for (const one of learned.toReversed()) {
    const text = JSON.stringify(one);
    left -= text.length + 1;
    if (left < 0) break;
    kept.unshift(text);
  }
  return ENVELOPE.join(kept.join(","));
}

/** Reads what was learned; entries that are none are left out, and all of them when the text is none. */
export function parseShapes(text: string, maxNodes: number): readonly LearnedShape[] {
  const stored = text.length > MAX_TEXT_CHARACTERS ? undefined : parseJson(text);
  if (!isJsonObject(stored) || stored["version"] !== VERSION) return [];
  return listOf(stored["tools"]).flatMap((entry) => {
    if (!isJsonObject(entry)) return [];
    const { namespace, tool, results } = entry;
    const shape = parseShape(entry["shape"], 0);
    if (!isName(namespace) || !isName(tool) || shape === undefined) return [];
    if (typeof results !== "number" || !Number.isSafeInteger(results) || results < 1) return [];
    return [{ namespace, tool, results, shape: trimShape(shape, maxNodes) }];
  });
}

function parseShape(value: Json | undefined, depth: number): Shape | undefined {
  if (!isJsonObject(value) || depth > MAX_SHAPE_DEPTH) return undefined;
  const { kind } = value;
  switch (kind) {
    case "never":
    case "null":
    case "boolean":
    case "integer":
    case "number":
    case "string":
      return { kind };
    case "unknown":
      return value["note"] === BYTES_NOTE ? { kind, note: BYTES_NOTE } : { kind };
    case "array": {
      const item = parseShape(value["item"], depth + 1);
      return item === undefined ? undefined : { kind, item };
    }
    case "object": {
      const fields = listOf(value["fields"]).map((field) => parseField(field, depth + 1));
      const others = value["others"] === undefined ? undefined : parseShape(value["others"], depth + 1);
      if (value["others"] !== undefined && others === undefined) return undefined;
      const known = fields.flatMap((field) => (field === undefined ? [] : [field]));
      if (known.length !== fields.length) return undefined;
      return { kind, fields: known, ...(others !== undefined && { others }) };
    }
    case "union": {
      // A union in a union would be a level that no result has.
      const options = listOf(value["options"]).map((option) =>
        isJsonObject(option) && option["kind"] !== "union" ? parseShape(option, depth) : undefined,
      );
      const known = options.flatMap((option) => (option === undefined ? [] : [option]));
      return known.length === options.length ? widenShapes(known) : undefined;
    }
    default:
      return undefined;
  }
}

function parseField(value: Json, depth: number): Field | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, required } = value;
  const shape = parseShape(value["shape"], depth);
  if (typeof name !== "string" || isDataKey(name) || shape === undefined) return undefined;
  return { name, required: required === true, shape };
}

function isName(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME_CHARACTERS;
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
