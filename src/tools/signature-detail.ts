import { cleanLine } from "./outside-text.ts";
import {
  type Field,
  type LiteralValue,
  type ObjectShape,
  type Shape,
  UNKNOWN,
  type UnionShape,
} from "./shape.ts";
import { loosen } from "./shape-merge.ts";

/** How much of a tool one rendering of its signature shows. */
export interface SignatureDetail {
  /** Levels of nested objects that are written out. */
  readonly depth: number;
  /** The same for the result; negative means that its type is left open. */
  readonly outputDepth: number;
  /** Literals of one union. */
  readonly values: number;
  /** Members of one union that are no literals. */
  readonly options: number;
  /** Optional fields of one nested object. */
  readonly nestedFields: number;
  /** Optional parameters. */
  readonly optional: number;
  /** False: even required parameters are only counted. */
  readonly required: boolean;
  /** Characters of the tool's description, of a parameter's, of a nested field's. */
  readonly toolChars: number;
  readonly parameterChars: number;
  readonly nestedChars: number;
  /** Characters for the names of parameters that are left out. */
  readonly hiddenChars: number;
  /** Whether comments say how to see more. */
  readonly hints: boolean;
}

function detail(
  [depth, outputDepth, values, options, nestedFields]: readonly [number, number, number, number, number],
  [toolChars, parameterChars, nestedChars]: readonly [number, number, number],
  optional = Number.POSITIVE_INFINITY,
  hiddenChars = 0,
): SignatureDetail {
  const required = optional >= 0;
  const hints = toolChars > 0;
  return {
    depth,
    outputDepth,
    values,
    options,
    nestedFields,
    toolChars,
    parameterChars,
    nestedChars,
    optional,
    required,
    hiddenChars,
    hints,
  };
}

/** The levels of detail that `describeTools` tries, from everything to the bare name. */
export const SIGNATURE_DETAILS: readonly SignatureDetail[] = [
  detail([14, 8, 1_000, 60, 1_000], [2_000, 400, 160]),
  detail([6, 4, 40, 12, 60], [600, 160, 80]),
  detail([5, 3, 24, 8, 30], [300, 100, 0]),
  detail([4, 2, 16, 6, 20], [200, 60, 0]),
  detail([3, 1, 12, 6, 12], [160, 0, 0]),
  detail([2, 0, 8, 4, 8], [120, 0, 0]),
  detail([1, -1, 6, 4, 4], [100, 0, 0]),
  detail([1, -1, 6, 3, 2], [80, 0, 0], 12, 100),
  detail([1, -1, 4, 3, 0], [80, 0, 0], 0, 120),
  detail([0, -1, 3, 2, 0], [50, 0, 0], 0),
  detail([0, -1, 0, 1, 0], [0, 0, 0], 0),
  detail([0, -1, 0, 1, 0], [0, 0, 0], -1),
];

/** One tool as the writers of signatures take it: types read, text still the server's own. */
export interface ToolShapes {
  readonly identifier: string;
  readonly description: string | undefined;
  /** What to know before calling, in our own words: the tool is unavailable, deprecated. */
  readonly mark: string;
  readonly input: ObjectShape;
  readonly output: Shape;
  /** Results in which `output` was seen; 0 when the tool declares it. */
  readonly observed: number;
}

/** Says that a type was seen, not declared. */
export function observedNote(results: number): string {
  return `observed in ${results} result${results === 1 ? "" : "s"}`;
}

/** The fields that a rendering names, required ones first, and those that it only counts. */
export function chooseFields(
  fields: readonly Field[],
  optional: number,
): { shown: readonly Field[]; hidden: readonly Field[] } {
  const required = fields.filter((field) => field.required);
  const others = fields.filter((field) => !field.required);
  const count = Math.max(0, optional);
  return { shown: [...required, ...others.slice(0, count)], hidden: others.slice(count) };
}

/** Says in a comment what a signature leaves out; an empty text when that is nothing. */
export function hiddenNote(
  hidden: readonly Field[],
  kind: "optional" | "parameters",
  detail: SignatureDetail,
): string {
  if (hidden.length === 0) return "";
  const names = cleanLine(hidden.map((field) => field.name).join(", "), detail.hiddenChars);
  const what = `+${hidden.length} ${kind}${names === "" ? "" : ` (${names})`}`;
  return detail.hints ? `${what}: describe with a larger maxTokens` : what;
}

/** The members of a union as far as they are shown: literals and others apart, `null` last. */
export function chooseOptions(
  union: UnionShape,
  detail: SignatureDetail,
): {
  literals: readonly LiteralValue[];
  shapes: readonly Shape[];
  widened: readonly Shape[];
  hidden: number;
} {
  const literals = union.options.flatMap((option) => (option.kind === "literal" ? [option.value] : []));
  const nulls = union.options.filter((option) => option.kind === "null");
  const others = union.options.filter((option) => option.kind !== "literal" && option.kind !== "null");
  if (others.length > detail.options && detail.options < 3) {
    return { literals: [], shapes: [], widened: [UNKNOWN], hidden: union.options.length + union.more };
  }
  const shown = literals.slice(0, detail.values);
  const shapes = others.slice(0, Math.max(1, detail.options));
  const hidden = literals.length - shown.length + (others.length - shapes.length) + union.more;
  const widened = new Map<string, Shape>();
  for (const literal of literals.slice(shown.length)) {
    const kind = literalKind(literal);
    widened.set(kind, { kind });
  }
  if (others.length > shapes.length || (union.more > 0 && widened.size === 0))
    widened.set("unknown", UNKNOWN);
  return { literals: shown, shapes: [...shapes, ...nulls], widened: [...widened.values()], hidden };
}

function literalKind(value: LiteralValue): "string" | "number" | "boolean" {
  if (typeof value === "string") return "string";
  return typeof value === "number" ? "number" : "boolean";
}

/** Description, default and limits of a field in one cleaned line. */
export function fieldText(field: Field, maxChars: number, withPreset: boolean): string {
  if (maxChars <= 0) return "";
  const description = cleanLine(field.description, maxChars);
  const extras = (field.facts ?? []).map((fact) => cleanLine(fact, 40));
  if (withPreset && field.preset !== undefined && !/default/i.test(description)) {
    extras.push(`default ${cleanLine(JSON.stringify(field.preset), 60)}`);
  }
  if (description === "") return extras.join(", ");
  return extras.length === 0 ? description : `${description} [${extras.join(", ")}]`;
}

/** What a call takes as one object: unions of objects become one object with all their fields. */
export function argumentsOf(shape: Shape): ObjectShape {
  if (shape.kind === "object") return shape;
  const branches = shape.kind === "union" ? shape.options.filter((option) => option.kind === "object") : [];
  if (branches.length === 0) return { kind: "object", fields: [], others: UNKNOWN };
  return loosen(branches, { kind: "object", fields: [] }, shape.kind === "union" && shape.more > 0);
}
