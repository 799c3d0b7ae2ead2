import { type Shape, UNKNOWN } from "./shape.ts";
import { widenShapes } from "./widen-shapes.ts";

/** A shape never holds more levels than this. */
export const MAX_SHAPE_DEPTH = 8;

/** Levels of objects and lists in a shape are cut off until it has at most `maxNodes` types. */
export function trimShape(shape: Shape, maxNodes: number): Shape {
  for (let depth = MAX_SHAPE_DEPTH; depth > 0; depth -= 1) {
    const cut = cutBelow(shape, depth);
    if (countNodes(cut) <= maxNodes) return cut;
  }
  return UNKNOWN;
}

function cutBelow(shape: Shape, depth: number): Shape {
  switch (shape.kind) {
    case "array":
      return depth <= 0 ? UNKNOWN : { kind: "array", item: cutBelow(shape.item, depth - 1) };
    case "object": {
      if (depth <= 0) return UNKNOWN;
      const fields = shape.fields.map((field) => ({ ...field, shape: cutBelow(field.shape, depth - 1) }));
      return shape.others === undefined
        ? { kind: "object", fields }
        : { kind: "object", fields, others: cutBelow(shape.others, depth - 1) };
    }
    case "union":
      return widenShapes(shape.options.map((option) => cutBelow(option, depth)));
    default:
      return shape;
  }
}

function countNodes(shape: Shape): number {
  switch (shape.kind) {
    case "array":
      return 1 + countNodes(shape.item);
    case "object":
      return shape.fields.reduce(
        (sum, field) => sum + countNodes(field.shape),
        1 + (shape.others === undefined ? 0 : countNodes(shape.others)),
      );
    case "union":
      return shape.options.reduce((sum, option) => sum + countNodes(option), 1);
    default:
      return 1;
  }
}
