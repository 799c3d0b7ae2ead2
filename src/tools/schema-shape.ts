import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { fieldFacts } from "./schema-facts.ts";
import { createReferenceResolver, type ReferenceResolver } from "./schema-reference.ts";
import { type Field, NEVER, type ObjectShape, type Shape, UNKNOWN, unionOf } from "./shape.ts";
import { mergeShapes } from "./shape-merge.ts";
import type { JsonSchema } from "./tool.ts";

/** How much of a schema is read before the rest counts as unknown. */
export interface ShapeLimits {
  /** Levels of objects and lists. Default 14. */
  readonly maxDepth?: number;
  /** Type nodes in all; objects share them out evenly among their fields. Default 4,000. */
  readonly maxNodes?: number;
}

/** Cost of a step that stays on its level, such as `$ref` or `allOf`: a chain of these ends too. */
const SIDE_STEP = 0.1;
const MAX_BRANCHES = 60;
const MAX_ENUM = 1_000;
const MAX_TUPLE = 24;

const PRIMITIVES = new Set<Json>(["null", "boolean", "integer", "number", "string"]);
const OBJECT_KEYWORDS = [
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "unevaluatedProperties",
] as const;

/**
 * Reads a JSON Schema (2020-12, and what older drafts and OpenAPI add) into a small type tree.
 *
 * Never throws and always ends, whatever the schema: cycles, dangling references and everything
 * that a type cannot say become `unknown`, which accepts more than the schema does, never less.
 */
export function shapeOf(schema: JsonSchema | boolean | undefined, limits: ShapeLimits = {}): Shape {
  if (schema === undefined) return UNKNOWN;
  return new ShapeReader(isJsonObject(schema) ? schema : {}, limits).read(schema, 0);
}

class ShapeReader {
  readonly #resolve: ReferenceResolver;
  readonly #maxDepth: number;
  readonly #open = new Set<Json>();
  #nodesLeft: number;

  constructor(root: JsonSchema, limits: ShapeLimits) {
    this.#resolve = createReferenceResolver(root);
    this.#maxDepth = limits.maxDepth ?? 14;
    this.#nodesLeft = limits.maxNodes ?? 4_000;
  }

  read(schema: Json | undefined, depth: number): Shape {
    if (schema === false) return NEVER;
    if (!isJsonObject(schema)) return UNKNOWN;
    if (depth > this.#maxDepth || this.#nodesLeft <= 0)
      return { kind: "unknown", note: "deeper levels left out" };
    if (this.#open.has(schema)) return { kind: "unknown", note: "recursive" };
    this.#nodesLeft -= 1;
    this.#open.add(schema);
    const shape = this.#readParts(schema, depth);
    this.#open.delete(schema);
    return schema["nullable"] === true && shape.kind !== "unknown"
      ? unionOf([shape, { kind: "null" }])
      : shape;
  }

  #readParts(schema: JsonObject, depth: number): Shape {
    const beside = depth + SIDE_STEP;
    const parts: Shape[] = [];
    for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"]) {
      const reference = schema[keyword];
      if (typeof reference === "string") parts.push(this.read(this.#resolve(reference), beside));
    }
    parts.push(this.#readOwn(schema, depth));
    for (const part of listOf(schema["allOf"]).slice(0, MAX_BRANCHES)) parts.push(this.read(part, beside));
    for (const keyword of ["anyOf", "oneOf"]) {
      const branches = listOf(schema[keyword]);
      if (branches.length > 0) parts.push(this.#readUnion(branches, beside));
    }
    if ("if" in schema && ("then" in schema || "else" in schema)) {
      parts.push(this.#readUnion([schema["then"] ?? true, schema["else"] ?? true], beside));
    }
    const impossible = parts.some((part) => part.kind === "never");
    const merged = parts.reduce((left, right) => mergeShapes(left, right));
    return merged.kind === "never" && !impossible ? UNKNOWN : merged;
  }

  #readUnion(branches: readonly Json[], depth: number): Shape {
    const options = branches.slice(0, MAX_BRANCHES).map((branch) => this.read(branch, depth));
    return unionOf(options, branches.length - options.length);
  }

  #readOwn(schema: JsonObject, depth: number): Shape {
    if (schema["const"] !== undefined) return literalShape(schema["const"]);
    const values = listOf(schema["enum"]);
    if (values.length > 0) {
      return unionOf(values.slice(0, MAX_ENUM).map(literalShape), Math.max(0, values.length - MAX_ENUM));
    }
    const types = typeNames(schema);
    return types.length === 0 ? UNKNOWN : unionOf(types.map((type) => this.#readTyped(type, schema, depth)));
  }

  #readTyped(type: Json, schema: JsonObject, depth: number): Shape {
    switch (type) {
      case "object":
        return this.#readObject(schema, depth);
      case "array":
        return this.#readArray(schema, depth);
      case "null":
      case "boolean":
      case "integer":
      case "number":
      case "string":
        return { kind: type };
      default:
        return UNKNOWN;
    }
  }

  #readObject(schema: JsonObject, depth: number): ObjectShape {
    const declared = isJsonObject(schema["properties"]) ? schema["properties"] : undefined;
    const required = new Set(listOf(schema["required"]).filter((name) => typeof name === "string"));
    const schemas = new Map<string, Json | undefined>(Object.entries(declared ?? {}));
    for (const name of required) if (!schemas.has(name)) schemas.set(name, undefined);
    const fields: Field[] = [];
    let toCome = schemas.size;
    for (const [name, property] of schemas) {
      const shape = this.#readShare(property, depth + 1, toCome);
      toCome -= 1;
      if (shape.kind === "never" && !required.has(name)) continue;
      fields.push({ name, required: required.has(name), shape, ...fieldFacts(property, this.#resolve) });
    }
    const others = this.#readOthers(schema, depth + 1, declared !== undefined || fields.length > 0);
    return others === undefined ? { kind: "object", fields } : { kind: "object", fields, others };
  }

  /** The type of the members that no property names; undefined when there should be none. */
  #readOthers(schema: JsonObject, depth: number, declared: boolean): Shape | undefined {
    const shapes: Shape[] = [];
    const patterns = schema["patternProperties"];
    if (isJsonObject(patterns)) {
      for (const pattern of Object.values(patterns).slice(0, MAX_BRANCHES))
        shapes.push(this.read(pattern, depth));
    }
    const additional = schema["additionalProperties"] ?? schema["unevaluatedProperties"];
    if (isJsonObject(additional)) shapes.push(this.read(additional, depth));
    else if (additional === true || (additional !== false && !declared && shapes.length === 0))
      shapes.push(UNKNOWN);
    return shapes.length === 0 ? undefined : unionOf(shapes);
  }

  /** Reads one of `count` children with its even share of the nodes that are left. */
  #readShare(schema: Json | undefined, depth: number, count: number): Shape {
    const before = this.#nodesLeft;
    const share = Math.ceil(before / count);
    this.#nodesLeft = share;
    const shape = this.read(schema, depth);
    this.#nodesLeft += before - share;
    return shape;
  }

  #readArray(schema: JsonObject, depth: number): Shape {
    const { items } = schema;
    const first = listOf(schema["prefixItems"] ?? items);
    if (first.length === 0)
      return { kind: "array", item: this.read(isJsonObject(items) ? items : true, depth + 1) };
    const rest = Array.isArray(items) ? schema["additionalItems"] : (items ?? schema["unevaluatedItems"]);
    const shapes = first
      .slice(0, MAX_TUPLE)
      .map((item, at) => this.#readShare(item, depth + 1, first.length - at));
    if (first.length > MAX_TUPLE) return { kind: "tuple", items: shapes, rest: UNKNOWN };
    return rest === false
      ? { kind: "tuple", items: shapes }
      : { kind: "tuple", items: shapes, rest: this.read(rest, depth + 1) };
  }
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Known type names; of a schema without `type`, the ones that its other keywords speak of. */
function typeNames(schema: JsonObject): readonly Json[] {
  const { type } = schema;
  if (type === undefined) {
    if (OBJECT_KEYWORDS.some((keyword) => schema[keyword] !== undefined)) return ["object"];
    return schema["items"] !== undefined || schema["prefixItems"] !== undefined ? ["array"] : [];
  }
  const names = Array.isArray(type) ? type : [type];
  const known = names.filter((name) => PRIMITIVES.has(name) || name === "object" || name === "array");
  return known.length === names.length ? [...new Set(known)] : [];
}

function literalShape(value: Json): Shape {
  if (Array.isArray(value)) return { kind: "array", item: UNKNOWN };
  if (isJsonObject(value)) return { kind: "object", fields: [], others: UNKNOWN };
  if (value === null) return { kind: "null" };
  if (typeof value === "number" && !Number.isFinite(value)) return { kind: "number" };
  if (typeof value === "string" && value.length > 200) return { kind: "string" };
  return typeof value === "object" ? UNKNOWN : { kind: "literal", value };
}
