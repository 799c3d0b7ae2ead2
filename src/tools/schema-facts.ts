import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { ReferenceResolver } from "./schema-reference.ts";
import type { Field } from "./shape.ts";

/** What a property's schema says beside its type: description, default, format, limits. */
export function fieldFacts(
  schema: Json | undefined,
  resolve: ReferenceResolver,
): Pick<Field, "description" | "facts" | "preset"> {
  if (!isJsonObject(schema)) return {};
  const reference = schema["$ref"];
  const target = typeof reference === "string" ? resolve(reference) : undefined;
  const description = textOf(schema) ?? (isJsonObject(target) ? textOf(target) : undefined);
  const facts = limitsOf(schema);
  const preset = schema["default"];
  return {
    ...(description !== undefined && { description }),
    ...(facts.length > 0 && { facts }),
    ...(isPlain(preset) && { preset }),
  };
}

function textOf(schema: JsonObject): string | undefined {
  const { description, title } = schema;
  if (typeof description === "string" && description.trim() !== "") return description;
  return typeof title === "string" && title.trim() !== "" ? title : undefined;
}

function isPlain(value: Json | undefined): value is string | number | boolean | null {
  if (value === null || typeof value === "boolean") return true;
  return typeof value === "number" ? Number.isFinite(value) : typeof value === "string" && value.length <= 40;
}

function limitsOf(schema: JsonObject): string[] {
  const facts: string[] = [];
  if (schema["deprecated"] === true) facts.push("deprecated");
  if (typeof schema["format"] === "string") facts.push(schema["format"].slice(0, 30));
  for (const [least, most, unit] of LIMITS) {
    const low = numberOf(schema[least]);
    const high = numberOf(schema[most]);
    if (low !== "" || high !== "") facts.push(`${low}..${high}${unit}`);
  }
  return facts;
}

const LIMITS = [
  ["minimum", "maximum", ""],
  ["minLength", "maxLength", " chars"],
  ["minItems", "maxItems", " items"],
] as const;

/** Bounds of machine integers say nothing. */
function numberOf(value: Json | undefined): string {
  return typeof value === "number" && Math.abs(value) < 2 ** 31 - 1 ? String(value) : "";
}
