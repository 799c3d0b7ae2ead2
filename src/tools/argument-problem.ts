import type { OutputUnit } from "@cfworker/json-schema";
import { isJsonObject } from "../base/json.ts";
import { closestName } from "./edit-distance.ts";
import { cleanLine } from "./outside-text.ts";
import { shapeOf } from "./schema-shape.ts";
import type { Shape } from "./shape.ts";
import { SIGNATURE_DETAILS } from "./signature-detail.ts";
import { typescriptType } from "./signature-typescript.ts";
import type { JsonSchema } from "./tool.ts";

/** One thing that is wrong with the arguments of a call, readable for who has to repair it. */
export interface ArgumentProblem {
  /** Where, such as `labels[0].name`; empty for the arguments as a whole. */
  readonly path: string;
  /** The wanted type in TypeScript's words, or the rule. */
  readonly expected: string;
  /** The type or short value that was there; `nothing` for a missing member. */
  readonly got: string;
  readonly message: string;
}

/** More problems than this are not reported: the first ones usually explain the rest. */
const MAX_PROBLEMS = 5;
/** Keywords that only pass on what is wrong further in. */
const CONTAINERS: ReadonlySet<string> = new Set([
  "$ref",
  "allOf",
  "properties",
  "patternProperties",
  "items",
  "prefixItems",
  "dependentSchemas",
  "dependencies",
  "additionalItems",
]);

/** What the validator looked at. */
export interface Checked {
  readonly schema: JsonSchema;
  readonly value: unknown;
}

/**
 * Turns the validator's errors into at most five problems. It lists a failed keyword before what
 * failed inside it: the branches of a union follow their `anyOf`.
 */
export function problemsOf(errors: readonly OutputUnit[], checked: Checked): ArgumentProblem[] {
  const problems = new Map<string, ArgumentProblem>();
  let at = 0;
  while (at < errors.length && problems.size < MAX_PROBLEMS) {
    const error = errors[at];
    at += 1;
    if (error === undefined) break;
    const found: ArgumentProblem[] = [];
    if (error.keyword === "anyOf") {
      const branches = errorsInside(error, errors, at);
      at += branches.length;
      found.push(...unionProblems(error, branches, checked));
    } else if (error.keyword === "additionalProperties") {
      const next = errors[at];
      if (next?.keyword === "false") {
        at += 1;
        found.push(unknownParameter(next, checked));
      }
    } else if (!CONTAINERS.has(error.keyword)) found.push(problemOf(error, checked));
    for (const problem of found) problems.set(`${problem.path}\n${problem.message}`, problem);
  }
  return [...problems.values()].slice(0, MAX_PROBLEMS);
}

/** A `false` schema reports the place of the value instead of its own: it belongs to what stands before it. */
function errorsInside(
  union: OutputUnit,
  errors: readonly OutputUnit[],
  start: number,
): readonly OutputUnit[] {
  let end = start;
  for (; end < errors.length; end++) {
    const error = errors[end];
    if (error?.keyword !== "false" && error?.keywordLocation.startsWith(`${union.keywordLocation}/`) !== true)
      break;
  }
  return errors.slice(start, end);
}

/** When only one branch has the right type, its own problems say more than the union's. */
function unionProblems(
  error: OutputUnit,
  inside: readonly OutputUnit[],
  checked: Checked,
): ArgumentProblem[] {
  const branches = new Map<string, OutputUnit[]>();
  let branch = "";
  for (const problem of inside) {
    if (problem.keyword !== "false")
      branch = /^\/\d+/.exec(problem.keywordLocation.slice(error.keywordLocation.length))?.[0] ?? "";
    const list = branches.get(branch);
    if (list === undefined) branches.set(branch, [problem]);
    else list.push(problem);
  }
  const atTop = (problem: OutputUnit): boolean =>
    problem.instanceLocation === error.instanceLocation &&
    ["type", "const", "enum"].includes(problem.keyword);
  const near = [...branches.values()].filter((list) => !list.some(atTop));
  const [only, ...others] = near;
  if (only !== undefined && others.length === 0) return problemsOf(only, checked);
  return [problemOf(error, checked)];
}

function unknownParameter(error: OutputUnit, checked: Checked): ArgumentProblem {
  const segments = segmentsOf(error.instanceLocation);
  const name = segments.at(-1) ?? "";
  const owner = shapeAt(checked.schema, segments.slice(0, -1));
  const known = owner?.kind === "object" ? owner.fields.map((field) => field.name) : [];
  const closest = closestName(name, known);
  const path = pathOf(segments, checked.value);
  const names = cleanLine(known.join(", "), 120);
  const expected = names === "" ? "no parameters" : `one of ${names}`;
  const hint =
    closest === undefined
      ? `; known are ${names === "" ? "none" : names}`
      : `; did you mean ${cleanLine(closest, 80)}?`;
  return {
    path,
    expected,
    got: typeName(valueAt(checked.value, segments)),
    message: `unknown parameter ${path}${hint}`,
  };
}

function problemOf(error: OutputUnit, checked: Checked): ArgumentProblem {
  const segments = segmentsOf(error.instanceLocation);
  if (error.keyword === "required") {
    const name = /required property "([\s\S]*)"\.$/.exec(error.error)?.[1] ?? "";
    const path = pathOf([...segments, name], checked.value);
    const expected = expectedAt(checked.schema, [...segments, name]);
    return { path, expected, got: "nothing", message: `${path} is required (${expected})` };
  }
  const path = pathOf(segments, checked.value);
  const value = valueAt(checked.value, segments);
  const subject = path === "" ? "the arguments" : path;
  const byType = ["type", "enum", "const", "anyOf", "false"].includes(error.keyword);
  if (!byType) {
    const rule = cleanLine(error.error, 160);
    return {
      path,
      expected: `${error.keyword} as the schema says`,
      got: shortValue(value),
      message: `${subject}: ${rule}`,
    };
  }
  const expected = expectedAt(checked.schema, segments);
  const got = error.keyword === "type" ? typeName(value) : shortValue(value);
  return { path, expected, got, message: `${subject} must be ${expected}, got ${got}` };
}

function segmentsOf(location: string): string[] {
  if (location === "#" || location === "") return [];
  return location
    .slice(2)
    .split("/")
    .map((segment) => decodeURIComponent(segment).replaceAll("~1", "/").replaceAll("~0", "~"));
}

function valueAt(root: unknown, segments: readonly string[]): unknown {
  let at: unknown = root;
  for (const segment of segments) {
    if (Array.isArray(at)) at = at[Number(segment)];
    else if (isJsonObject(at)) at = Object.hasOwn(at, segment) ? at[segment] : undefined;
    else return undefined;
  }
  return at;
}

function pathOf(segments: readonly string[], root: unknown): string {
  let path = "";
  segments.forEach((segment, at) => {
    const inList = Array.isArray(valueAt(root, segments.slice(0, at)));
    if (inList) path += `[${segment}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(segment)) path += path === "" ? segment : `.${segment}`;
    else path += `[${JSON.stringify(cleanLine(segment, 80))}]`;
  });
  return cleanLine(path, 200);
}

/** The type at a place of the arguments, written in TypeScript and short. */
function expectedAt(schema: JsonSchema, segments: readonly string[]): string {
  const shape = shapeAt(schema, segments);
  const detail = SIGNATURE_DETAILS[5];
  if (shape === undefined || detail === undefined || shape.kind === "unknown") return "any value";
  return cleanLine(typescriptType(shape, detail, 1), 200);
}

function shapeAt(schema: JsonSchema, segments: readonly string[]): Shape | undefined {
  let shape: Shape | undefined = shapeOf(schema);
  for (const segment of segments) {
    if (shape?.kind === "union")
      shape = shape.options.find((option) => ["object", "array", "tuple"].includes(option.kind));
    if (shape?.kind === "object")
      shape = shape.fields.find((field) => field.name === segment)?.shape ?? shape.others;
    else if (shape?.kind === "array") shape = shape.item;
    else if (shape?.kind === "tuple") shape = shape.items[Number(segment)] ?? shape.rest;
    else return undefined;
  }
  return shape;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  return Array.isArray(value) ? "array" : typeof value;
}

function shortValue(value: unknown): string {
  return typeof value === "object" || value === undefined
    ? typeName(value)
    : cleanLine(JSON.stringify(value), 60);
}
