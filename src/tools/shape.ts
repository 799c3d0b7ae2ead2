/** A literal that a type can name. */
export type LiteralValue = string | number | boolean;

/** One named member of an object. Text is outside data, not cleaned yet. */
export interface Field {
  readonly name: string;
  readonly required: boolean;
  readonly shape: Shape;
  readonly description?: string;
  /** Short facts that a type cannot say: a format, a range. */
  readonly facts?: readonly string[];
  /** The default when it is a plain value. */
  readonly preset?: LiteralValue | null;
}

/** An object: named fields, and the type of every other member when there may be others. */
export interface ObjectShape {
  readonly kind: "object";
  readonly fields: readonly Field[];
  readonly others?: Shape;
  /** Sets of fields of which one is needed, such as `["id", "owner + name"]`. */
  readonly needs?: readonly string[];
}

/** A union; `more` members were left out when it was read. */
export interface UnionShape {
  readonly kind: "union";
  readonly options: readonly Shape[];
  readonly more: number;
}

/** The type of a value, small enough to be written in any language. */
export type Shape =
  | { readonly kind: "unknown"; readonly note?: string }
  | { readonly kind: "never" | "null" | "boolean" | "integer" | "number" | "string" }
  | { readonly kind: "literal"; readonly value: LiteralValue }
  | { readonly kind: "array"; readonly item: Shape }
  | { readonly kind: "tuple"; readonly items: readonly Shape[]; readonly rest?: Shape }
  | ObjectShape
  | UnionShape;

/** Any value. */
export const UNKNOWN = { kind: "unknown" } as const satisfies Shape;
/** No value at all. */
export const NEVER = { kind: "never" } as const satisfies Shape;

/** The union of several types: flat, without repetition; `more` counts members that are not among them. */
export function unionOf(shapes: readonly Shape[], more = 0): Shape {
  const options = new Map<string, Shape>();
  let hidden = more;
  for (const shape of shapes) {
    const members = shape.kind === "union" ? shape.options : [shape];
    if (shape.kind === "union") hidden += shape.more;
    for (const member of members) {
      if (member.kind === "unknown" && member.note === undefined) return member;
      if (member.kind !== "never") options.set(JSON.stringify(member), member);
    }
  }
  const [first, ...rest] = options.values();
  if (first === undefined) return hidden === 0 && shapes.length > 0 ? NEVER : UNKNOWN;
  if (rest.length === 0 && hidden === 0) return first;
  return { kind: "union", options: [first, ...rest], more: hidden };
}
