import type { CatalogTool } from "./catalog-tool.ts";
import type { FindObserved } from "./observed-shapes.ts";
import { cleanLine } from "./outside-text.ts";
import { shapeOf } from "./schema-shape.ts";
import { type Shape, UNKNOWN } from "./shape.ts";
import { shortType } from "./short-type.ts";
import { observedNote } from "./signature-detail.ts";

/** Tools of which one hint tells, and characters for each. */
const MAX_TOOLS = 2;
const MAX_CHARACTERS = 300;

/** Errors of a program that expected another value: JavaScript's, then Python's. */
const MISREADINGS = new Set(["TypeError", "KeyError", "AttributeError", "IndexError"]);

/**
 * What a program should know that failed on a value of another kind than it expected: what the tools
 * that it called last return. `undefined` when it failed otherwise, or nothing is known of them.
 */
export function misreadHint(
  error: string,
  called: readonly CatalogTool[],
  findObserved: FindObserved,
  language: "typescript" | "python",
): string | undefined {
  if (!MISREADINGS.has(error)) return undefined;
  const told = called
    .toReversed()
    .flatMap((tool) => resultLine(tool, findObserved, language) ?? [])
    .slice(0, MAX_TOOLS);
  return told.length === 0 ? undefined : `Compare with what the tools return. ${told.join(" ")}`;
}

function resultLine(
  tool: CatalogTool,
  findObserved: FindObserved,
  language: "typescript" | "python",
): string | undefined {
  const observed = findObserved(tool);
  const shape = resultShape(tool, findObserved);
  if (shape.kind === "unknown") return undefined;
  const type = shortType(shape, language, MAX_CHARACTERS);
  if (type === undefined) return undefined;
  return `${tool.ref}: ${type}${observed === undefined ? "" : ` (${observedNote(observed.results)})`}.`;
}

/** Where the lists of a result are, for a program that got too much of it; an empty text when nothing is known. */
export function listHint(tool: CatalogTool, findObserved: FindObserved): string {
  const paths = listPaths(resultShape(tool, findObserved));
  return paths.length === 0 ? "" : `The result's lists: ${paths.join(", ")}.`;
}

function resultShape(tool: CatalogTool, findObserved: FindObserved): Shape {
  const { outputSchema } = tool.definition;
  return outputSchema === undefined ? (findObserved(tool)?.shape ?? UNKNOWN) : shapeOf(outputSchema);
}

/** `items`, or `data.items`: lists in the result and in its objects, the first few. */
function listPaths(shape: Shape): readonly string[] {
  const membersOf = (prefix: string, part: Shape): readonly (readonly [path: string, shape: Shape])[] =>
    part.kind === "object"
      ? part.fields
          .filter(({ name }) => /^[\w$-]{1,40}$/.test(name))
          .map((field) => [`${prefix}${cleanLine(field.name, 40)}`, field.shape])
      : [];
  const top = membersOf("", shape);
  const below = top.flatMap(([path, part]) => membersOf(`${path}.`, part));
  return [...top, ...below]
    .filter(([, part]) => part.kind === "array")
    .map(([path]) => path)
    .slice(0, 5);
}
