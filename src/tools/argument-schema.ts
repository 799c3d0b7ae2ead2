import { isJsonObject, type Json } from "../base/json.ts";
import { patternCost } from "./pattern-cost.ts";
import { createReferenceResolver } from "./schema-reference.ts";
import type { JsonSchema } from "./tool.ts";

/** What the arguments of one call may cost a check. */
export interface ArgumentSize {
  /** Values and keys in all. */
  readonly nodes: number;
  /** Characters of the longest text or key. */
  readonly longest: number;
}

/** A schema in which the validator may trust every keyword. Its accessors throw once its steps are used up. */
export interface PreparedSchema {
  readonly schema: Readonly<Record<string, unknown>>;
  /** Gives the next validation all the steps there are. */
  startWork(): void;
}

const MAX_SCHEMA_NODES = 20_000;
const MAX_DEPTH = 64;
/** Visits of a schema in one validation; real calls need less than a hundred. */
const MAX_STEPS = 20_000;
/** Most ways in which one pattern may be tried on one text; and all of them, each time one is tried. */
const MAX_PATTERN_COST = 200_000;
const MAX_PATTERN_WORK = 5_000_000;
const MAX_ENUM = 1_000;

const TYPE_NAMES: ReadonlySet<Json> = new Set<Json>([
  "object",
  "array",
  "string",
  "number",
  "integer",
  "boolean",
  "null",
]);
const LIST_KEYWORDS = ["allOf", "anyOf", "prefixItems"] as const;
const NUMBER_KEYWORDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] as const;
const SIZE_KEYWORDS = [
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
] as const;

/**
 * Copies a server's schema into one that is safe to validate with, undefined when it is too large.
 *
 * Keywords of the wrong type, unknown keywords, `format`, unresolvable references and costly patterns
 * are left out. So that this makes a check weaker and never wrong, whatever asks for a mismatch goes
 * too: `not`, `if`, `contains`, `unevaluated…`; `oneOf` becomes `anyOf`. References become entries of
 * `$defs`; draft-07 tuples and OpenAPI's `nullable` take their 2020-12 form.
 */
export function prepareSchema(root: JsonSchema, size: ArgumentSize): PreparedSchema | undefined {
  return new SchemaCopier(root, size).copyRoot(root);
}

class SchemaCopier {
  readonly #resolve: (reference: string) => Json | undefined;
  readonly #size: ArgumentSize;
  readonly #targets = new Map<Json, number>();
  readonly #pending: Json[] = [];
  #nodes = 0;
  #steps = 0;
  #patternWork = 0;

  constructor(root: JsonSchema, size: ArgumentSize) {
    this.#resolve = createReferenceResolver(root);
    this.#size = size;
  }

  copyRoot(root: JsonSchema): PreparedSchema | undefined {
    const copied = this.#copyObject(root, 0);
    const definitions = new Map<string, unknown>();
    for (let at = 0; at < this.#pending.length; at++)
      definitions.set(String(at), this.#copy(this.#pending[at], 1));
    if (this.#nodes > MAX_SCHEMA_NODES) return undefined;
    copied.set("$defs", objectOf(definitions));
    const startWork = (): void => {
      this.#steps = 0;
      this.#patternWork = 0;
    };
    return { schema: this.#seal(copied), startWork };
  }

  #copy(schema: Json | undefined, depth: number): unknown {
    if (schema === false) return false;
    if (!isJsonObject(schema) || depth > MAX_DEPTH || this.#nodes > MAX_SCHEMA_NODES) return true;
    return this.#seal(this.#copyObject(schema, depth));
  }

  #copyObject(schema: JsonSchema, depth: number): Map<string, unknown> {
    this.#nodes += 1;
    const copied = new Map<string, unknown>();
    this.#copyReference(schema, copied);
    this.#copyValues(schema, copied);
    for (const keyword of NUMBER_KEYWORDS) copyNumber(schema, keyword, copied, false);
    for (const keyword of SIZE_KEYWORDS) copyNumber(schema, keyword, copied, true);
    if (isStrings(schema["required"])) copied.set("required", schema["required"]);
    if (schema["uniqueItems"] === true && this.#size.nodes <= 1_000) copied.set("uniqueItems", true);
    if (this.#isCheap(schema["pattern"])) copied.set("pattern", schema["pattern"]);
    this.#copyMembers(schema, copied, depth);
    for (const keyword of LIST_KEYWORDS) {
      const list = schema[keyword];
      if (Array.isArray(list) && list.length > 0) copied.set(keyword, this.#copyList(list, depth));
    }
    const { oneOf } = schema;
    if (Array.isArray(oneOf) && oneOf.length > 0) this.#addBranches(copied, this.#copyList(oneOf, depth));
    this.#copyItems(schema, copied, depth);
    return copied;
  }

  #copyReference(schema: JsonSchema, copied: Map<string, unknown>): void {
    const reference = schema["$ref"];
    if (typeof reference !== "string") return;
    const target = this.#resolve(reference);
    if (target === undefined || !isSchema(target)) return;
    let index = this.#targets.get(target);
    if (index === undefined) {
      index = this.#pending.length;
      this.#targets.set(target, index);
      this.#pending.push(target);
    }
    copied.set("$ref", `#/$defs/${index}`);
  }

  #copyValues(schema: JsonSchema, copied: Map<string, unknown>): void {
    const nullable = schema["nullable"] === true;
    const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
    if (types.length > 0 && types.every((type) => TYPE_NAMES.has(type)))
      copied.set("type", nullable ? [...types, "null"] : schema["type"]);
    if (schema["const"] !== undefined) copied.set("const", schema["const"]);
    const values = schema["enum"];
    if (Array.isArray(values) && values.length > 0 && values.length <= MAX_ENUM)
      copied.set("enum", nullable ? [...values, null] : values);
  }

  /** Several sets of branches must all hold. */
  #addBranches(copied: Map<string, unknown>, branches: readonly unknown[]): void {
    if (!copied.has("anyOf")) copied.set("anyOf", branches);
    else {
      const both = copied.get("allOf");
      copied.set("allOf", [...(Array.isArray(both) ? both : []), this.#seal(new Map([["anyOf", branches]]))]);
    }
  }

  #copyMembers(schema: JsonSchema, copied: Map<string, unknown>, depth: number): void {
    const { properties, patternProperties, additionalProperties, propertyNames } = schema;
    if (isSchema(propertyNames)) copied.set("propertyNames", this.#copy(propertyNames, depth + 1));
    if (isJsonObject(properties)) copied.set("properties", this.#copyMap(properties, depth));
    else if (properties !== undefined) return;
    // Without the patterns nobody can tell which members are additional.
    if (patternProperties !== undefined) {
      if (
        !isJsonObject(patternProperties) ||
        !Object.keys(patternProperties).every((pattern) => this.#isCheap(pattern))
      )
        return;
      copied.set("patternProperties", this.#copyMap(patternProperties, depth));
    }
    if (isSchema(additionalProperties))
      copied.set("additionalProperties", this.#copy(additionalProperties, depth + 1));
  }

  #copyList(list: readonly Json[], depth: number): readonly unknown[] {
    return list.map((entry) => this.#copy(entry, depth + 1));
  }

  #copyMap(map: JsonSchema, depth: number): object {
    return objectOf(
      new Map(Object.entries(map).map(([name, schema]) => [name, this.#copy(schema, depth + 1)])),
    );
  }

  #copyItems(schema: JsonSchema, copied: Map<string, unknown>, depth: number): void {
    const { items } = schema;
    if (Array.isArray(items)) {
      copied.set("prefixItems", this.#copyList(items, depth));
      if (isSchema(schema["additionalItems"]))
        copied.set("items", this.#copy(schema["additionalItems"], depth + 1));
    } else if (isSchema(items)) copied.set("items", this.#copy(items, depth + 1));
  }

  #isCheap(pattern: Json | undefined): boolean {
    return typeof pattern === "string" && patternCost(pattern, this.#size.longest) <= MAX_PATTERN_COST;
  }

  /** Makes the object that the validator reads; it reads `type` once a visit, which is where work is counted. */
  #seal(keywords: Map<string, unknown>): Readonly<Record<string, unknown>> {
    const type = keywords.get("type");
    keywords.delete("type");
    const work = this.#workOf(keywords);
    const count = (): void => {
      this.#steps += 1;
      this.#patternWork += work;
      if (this.#steps > MAX_STEPS || this.#patternWork > MAX_PATTERN_WORK)
        throw new RangeError("The schema takes too much work");
    };
    return Object.defineProperty(objectOf(keywords), "type", {
      get: () => {
        count();
        return type;
      },
      enumerable: false,
    });
  }

  /** What the patterns of one schema cost at each visit: on one text, or on every key. */
  #workOf(keywords: ReadonlyMap<string, unknown>): number {
    const pattern = keywords.get("pattern");
    const patterns = keywords.get("patternProperties");
    let work = typeof pattern === "string" ? patternCost(pattern, this.#size.longest) : 0;
    if (isJsonObject(patterns)) {
      for (const key of Object.keys(patterns))
        work += patternCost(key, this.#size.longest) * this.#size.nodes;
    }
    return work;
  }
}

function objectOf(entries: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(entries);
}

function isSchema(value: Json | undefined): boolean {
  return typeof value === "boolean" || isJsonObject(value);
}

function isStrings(value: Json | undefined): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function copyNumber(
  schema: JsonSchema,
  keyword: string,
  copied: Map<string, unknown>,
  isSize: boolean,
): void {
  const value = schema[keyword];
  if (typeof value !== "number" || !Number.isFinite(value) || (isSize && value < 0)) return;
  if (keyword === "multipleOf" && (value <= 0 || value < 1e-9 || value > 1e15)) return;
  copied.set(keyword, value);
}
