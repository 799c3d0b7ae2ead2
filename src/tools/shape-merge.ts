import {
  type Field,
  NEVER,
  type ObjectShape,
  type Shape,
  UNKNOWN,
  type UnionShape,
  unionOf,
} from "./shape.ts";

/** Most pairs that are compared when two unions meet. */
const MAX_PAIRS = 400;

/** The type of the values that both types accept; the wider of the two where that is hard to say. */
export function mergeShapes(left: Shape, right: Shape): Shape {
  if (right.kind === "unknown" && right.note === undefined) return left;
  if (left.kind === "unknown" || right.kind === "never") return right;
  if (right.kind === "unknown" || left.kind === "never") return left;
  if (left.kind === "object" && right.kind === "union") return mergeBranches(left, right);
  if (right.kind === "object" && left.kind === "union") return mergeBranches(right, left);
  if (left.kind === "union") return mergeUnion(left, right);
  if (right.kind === "union") return mergeUnion(right, left);
  if (left.kind === "object" && right.kind === "object") return mergeObjects(left, right);
  if (left.kind === "array" && right.kind === "array")
    return { kind: "array", item: mergeShapes(left.item, right.item) };
  if (left.kind === "tuple" && (right.kind === "array" || right.kind === "tuple")) return left;
  if (left.kind === "array" && right.kind === "tuple") return right;
  return mergePlain(left, right);
}

function mergePlain(left: Shape, right: Shape): Shape {
  if (accepts(left, right)) return right;
  return accepts(right, left) ? left : NEVER;
}

/** True when every value of `narrow`, a plain type or literal, is one of `wide`. */
function accepts(wide: Shape, narrow: Shape): boolean {
  if (narrow.kind === "literal") {
    if (wide.kind === "literal") return wide.value === narrow.value;
    if (wide.kind === "integer") return Number.isInteger(narrow.value);
    return wide.kind === typeof narrow.value;
  }
  return wide.kind === narrow.kind || (wide.kind === "number" && narrow.kind === "integer");
}

function mergeUnion(union: UnionShape, other: Shape): Shape {
  const others = other.kind === "union" ? other.options : [other];
  if (union.options.length * others.length > MAX_PAIRS) return union;
  const merged = union.options.flatMap((option) => others.map((candidate) => mergeShapes(option, candidate)));
  return unionOf(merged, union.more);
}

function mergeObjects(left: ObjectShape, right: ObjectShape): ObjectShape {
  const fields = new Map(left.fields.map((field) => [field.name, field]));
  for (const field of right.fields) {
    const known = fields.get(field.name);
    fields.set(field.name, known === undefined ? field : mergeFields(known, field));
  }
  const needs = left.needs ?? right.needs;
  return {
    kind: "object",
    fields: [...fields.values()],
    ...(left.others !== undefined &&
      right.others !== undefined && { others: mergeShapes(left.others, right.others) }),
    ...(needs !== undefined && { needs }),
  };
}

function mergeFields(left: Field, right: Field): Field {
  const shape = mergeShapes(left.shape, right.shape);
  return {
    ...right,
    ...left,
    required: left.required || right.required,
    shape: shape.kind === "never" ? left.shape : shape,
  };
}

/**
 * An object that is also one of several objects. One object with all fields says nearly as much and
 * stays readable: a field is required when every branch wants it, and `needs` names the branches' demands.
 */
function mergeBranches(base: ObjectShape, union: UnionShape): Shape {
  const branches = union.options.filter((option) => option.kind === "object");
  const open = union.more > 0 || union.options.some((option) => option.kind === "unknown");
  if (branches.length === 0) return open ? base : NEVER;
  if (base.fields.length === 0) {
    return unionOf(
      branches.map((branch) => mergeObjects(base, branch)),
      union.more,
    );
  }
  return loosen(branches, base, open);
}

/** One object that accepts what any of the branches accepts, on top of `base`. */
export function loosen(branches: readonly ObjectShape[], base: ObjectShape, open = false): ObjectShape {
  const known = new Map(base.fields.map((field) => [field.name, field]));
  const variants = new Map<string, Field[]>();
  for (const field of branches.flatMap((branch) => branch.fields)) {
    const list = variants.get(field.name);
    if (list === undefined) variants.set(field.name, [field]);
    else list.push(field);
  }
  for (const [name, list] of variants) {
    const [first] = list;
    if (first === undefined) continue;
    const everywhere = !open && list.length === branches.length && list.every((field) => field.required);
    const shape =
      list.length === branches.length || !known.has(name)
        ? unionOf(list.map((field) => field.shape))
        : UNKNOWN;
    const before = known.get(name);
    const field = { ...first, required: everywhere, shape };
    known.set(name, before === undefined ? field : mergeFields(before, field));
  }
  const needs = base.needs ?? demandsOf(branches, known);
  const others = base.others ?? branches.find((branch) => branch.others !== undefined)?.others;
  return {
    kind: "object",
    fields: [...known.values()],
    ...(others !== undefined && base.fields.length === 0 && { others }),
    ...(needs.length > 1 && { needs }),
  };
}

function demandsOf(branches: readonly ObjectShape[], fields: ReadonlyMap<string, Field>): readonly string[] {
  const demands = branches.map((branch) =>
    branch.fields
      .filter((field) => field.required && fields.get(field.name)?.required !== true)
      .map((field) => field.name)
      .join(" + "),
  );
  return demands.includes("") ? [] : [...new Set(demands)];
}
