import { type Field, NEVER, type ObjectShape, type Shape, UNKNOWN } from "./shape.ts";

/** The note of the type that stands for bytes. */
export const BYTES_NOTE = "bytes";

/**
 * The type of values of which each has one of these types: what was seen in any of them was seen.
 *
 * The opposite of `mergeShapes`, which is for what two schemas both say. It stays small: one object, one
 * list and one of each plain type in a union. `never` stands for nothing seen yet. It reads only what
 * `inferShape` makes: no literals and no tuples.
 */
export function widenShapes(shapes: readonly Shape[]): Shape {
  const kinds = new Map<string, Shape>();
  for (const shape of shapes.flatMap((one) => (one.kind === "union" ? one.options : [one]))) {
    if (shape.kind === "never") continue;
    if (shape.kind === "unknown" && shape.note !== BYTES_NOTE) return UNKNOWN;
    const kind = shape.kind === "integer" ? "number" : shape.kind;
    const known = kinds.get(kind);
    kinds.set(kind, known === undefined ? shape : widenPair(known, shape));
  }
  const [first, ...rest] = kinds.values();
  if (first === undefined) return NEVER;
  return rest.length === 0 ? first : { kind: "union", options: [first, ...rest], more: 0 };
}

/** Two types of one kind. */
function widenPair(left: Shape, right: Shape): Shape {
  if (left.kind === "array" && right.kind === "array")
    return { kind: "array", item: widenShapes([left.item, right.item]) };
  if (left.kind === "object" && right.kind === "object") return widenObjects(left, right);
  return left.kind === "integer" ? right : left;
}

function widenObjects(left: ObjectShape, right: ObjectShape): ObjectShape {
  const fields = new Map(left.fields.map((field) => [field.name, { ...field, required: false }]));
  for (const field of right.fields) {
    const known = left.fields.find(({ name }) => name === field.name);
    fields.set(
      field.name,
      known === undefined
        ? { ...field, required: false }
        : {
            name: field.name,
            required: known.required && field.required,
            shape: widenShapes([known.shape, field.shape]),
          },
    );
  }
  const others = [left, right].flatMap((one) => (one.others === undefined ? [] : [one.others]));
  const both: ObjectShape = {
    kind: "object",
    fields: [...fields.values()],
    ...(others.length > 0 && { others: widenShapes(others) }),
  };
  return isMap(left) || isMap(right) ? mapOf(both) : mapWhereKeysAreData(both);
}

function isMap({ fields, others }: ObjectShape): boolean {
  return fields.length === 0 && others !== undefined;
}

/** Objects of more fields hold data by key. */
const MAX_FIELDS = 60;
/** So many members alike, and the object is taken for a map. */
const ALIKE_OBJECTS = 3;
const ALIKE_OPTIONAL = 6;

/**
 * Makes a map (`Record<string, T>`) of an object whose keys look like data: so many fields, most keys
 * of that kind, members that are all alike. Else names of people, or of files, would become fields.
 * `dataKeys` of the members are in `others` already.
 */
export function mapWhereKeysAreData(object: ObjectShape, dataKeys = 0): ObjectShape {
  const { fields } = object;
  const isMap =
    fields.length > MAX_FIELDS ||
    (dataKeys > 0 && dataKeys >= fields.length) ||
    areAlikeObjects(fields) ||
    areAlikeOptions(fields);
  return isMap ? mapOf(object) : object;
}

/** The map that holds all members of an object. */
function mapOf({ fields, others }: ObjectShape): ObjectShape {
  const shapes = fields.map(({ shape }) => shape);
  return {
    kind: "object",
    fields: [],
    others: widenShapes(others === undefined ? shapes : [others, ...shapes]),
  };
}

/** Three objects or more of which each has at least half of the fields that there are in any. */
function areAlikeObjects(fields: readonly Field[]): boolean {
  if (fields.length < ALIKE_OBJECTS) return false;
  const names = fields.map(({ shape }) =>
    shape.kind === "object" ? shape.fields.map(({ name }) => name) : [],
  );
  const all = new Set(names.flat());
  return all.size > 0 && names.every((own) => own.length * 2 >= all.size);
}

/** Members none of which is in every result, and which are all of one plain type. */
function areAlikeOptions(fields: readonly Field[]): boolean {
  if (fields.length < ALIKE_OPTIONAL || fields.some(({ required }) => required)) return false;
  const kinds = new Set(fields.map(({ shape }) => plainKind(shape)));
  return kinds.size === 1 && !kinds.has(undefined);
}

function plainKind({ kind }: Shape): string | undefined {
  if (kind === "integer") return "number";
  return ["string", "number", "boolean"].includes(kind) ? kind : undefined;
}
