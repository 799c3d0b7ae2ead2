import { cleanLine, quote } from "./outside-text.ts";
import type { Field, LiteralValue, ObjectShape, Shape, UnionShape } from "./shape.ts";
import {
  chooseFields,
  chooseOptions,
  fieldText,
  hiddenNote,
  observedNote,
  type SignatureDetail,
  type ToolShapes,
} from "./signature-detail.ts";

/** Property names that mean something of their own before a colon or a bracket. */
const QUOTED_NAMES: ReadonlySet<string> = new Set([
  "constructor",
  "new",
  "get",
  "set",
  "readonly",
  "__proto__",
]);

/** One namespace of tools as a TypeScript declaration. */
export function typescriptNamespace(namespace: string, members: readonly string[]): string {
  return `declare namespace tools.${namespace} {\n${members.join("\n")}\n}`;
}

/** One tool as a member of its namespace: a comment and a function. Always parses. */
export function typescriptMember(tool: ToolShapes, detail: SignatureDetail): string {
  const description = [tool.mark, cleanLine(tool.description, detail.toolChars)]
    .filter((text) => text !== "")
    .join(" ");
  const doc = description === "" ? "" : `  /** ${cleanLine(description, 4_000)} */\n`;
  const result = detail.outputDepth < 0 ? "unknown" : typescriptType(tool.output, detail, detail.outputDepth);
  const note = tool.observed === 0 || result === "unknown" ? "" : ` // ${observedNote(tool.observed)}`;
  return `${doc}  function ${tool.identifier}(${parameters(tool.input, detail)}): Promise<${result}>;${note}`;
}

function parameters(input: ObjectShape, detail: SignatureDetail): string {
  if (input.fields.length === 0 && input.others === undefined) return "";
  const optional = input.fields.some((field) => field.required) ? "" : "?";
  if (!detail.required) {
    const note = hiddenNote(input.fields, "parameters", detail);
    return `args${optional}: object${note === "" ? "" : ` /* ${note} */`}`;
  }
  return `args${optional}: ${objectType(input, detail, detail.depth, true)}`;
}

/** A shape as a TypeScript type on one line; `depth` levels of objects are written out. */
export function typescriptType(shape: Shape, detail: SignatureDetail, depth: number): string {
  switch (shape.kind) {
    case "unknown":
      return shape.note === undefined ? "unknown" : `unknown /* ${shape.note} */`;
    case "integer":
      return "number";
    case "literal":
      return literal(shape.value);
    case "array":
      return listType(typescriptType(shape.item, detail, depth));
    case "tuple": {
      if (depth <= 0) return "unknown[]";
      const items = shape.items.map((item) => typescriptType(item, detail, depth - 1));
      if (shape.rest !== undefined)
        items.push(`...${listType(typescriptType(shape.rest, detail, depth - 1))}`);
      return `[${items.join(", ")}]`;
    }
    case "object":
      return objectType(shape, detail, depth, false);
    case "union":
      return unionType(shape, detail, depth);
    default:
      return shape.kind;
  }
}

function listType(item: string): string {
  return /^(?:\w+|\{[^{}]*\})$/.test(item) ? `${item}[]` : `Array<${item}>`;
}

function literal(value: LiteralValue): string {
  return typeof value === "string" ? quote(value, "typescript") : String(value);
}

function unionType(union: UnionShape, detail: SignatureDetail, depth: number): string {
  const { literals, shapes, widened, hidden } = chooseOptions(union, detail);
  const types = [
    ...literals.map(literal),
    ...[...shapes, ...widened].map((shape) => typescriptType(shape, detail, depth)),
  ];
  const note = hidden === 0 ? "" : ` /* +${hidden} more */`;
  return `${[...new Set(types)].join(" | ")}${note}`;
}

function objectType(shape: ObjectShape, detail: SignatureDetail, depth: number, top: boolean): string {
  const others = shape.others === undefined ? undefined : typescriptType(shape.others, detail, depth - 1);
  if (shape.fields.length === 0) return others === undefined ? "{}" : `Record<string, ${others}>`;
  if (depth <= 0 && !top) return detail.hints ? `object /* ${shape.fields.length} fields */` : "object";
  const chars = top ? detail.parameterChars : detail.nestedChars;
  const { shown, hidden } = chooseFields(shape.fields, top ? detail.optional : detail.nestedFields);
  const members = shown.map((field) => fieldType(field, detail, top ? depth : depth - 1, chars));
  const note = hiddenNote(hidden, "optional", detail);
  if (note !== "") members.push(top ? `/* ${note} */` : `/* +${hidden.length} optional */`);
  if (shape.needs !== undefined) members.push(`/* needs ${cleanLine(shape.needs.join(" | "), 200)} */`);
  const inLines = top && members.some((member) => member.startsWith("/** "));
  const body = inLines
    ? `{\n    ${members.join("\n    ")}\n  }`
    : `{ ${members.join(" ").replace(/;$/, "")} }`;
  return others === undefined || (others === "unknown" && detail.depth < 3)
    ? body
    : `${body} & Record<string, ${others}>`;
}

function fieldType(field: Field, detail: SignatureDetail, depth: number, chars: number): string {
  const text = fieldText(field, chars, true);
  const plain = /^[A-Za-z_$][\w$]*$/.test(field.name) && !QUOTED_NAMES.has(field.name);
  const key = plain ? field.name : quote(field.name, "typescript");
  const type = typescriptType(field.shape, detail, depth);
  return `${text === "" ? "" : `/** ${cleanLine(text, 2_000)} */ `}${key}${field.required ? "" : "?"}: ${type};`;
}
