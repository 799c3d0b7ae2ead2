import { isPythonParameter } from "./names.ts";
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

/** One namespace of tools as a Python class of stubs. */
export function pythonNamespace(namespace: string, members: readonly string[]): string {
  return `class ${namespace}:  # tools.${namespace}\n${members.join("\n")}`;
}

/** One tool as a stub: comments and an `async def` with keyword parameters. Always parses. */
export function pythonMember(tool: ToolShapes, detail: SignatureDetail): string {
  const description = [tool.mark, cleanLine(tool.description, detail.toolChars)]
    .filter((text) => text !== "")
    .join(" ");
  const doc = description === "" ? "" : `    # ${description}\n`;
  const result = detail.outputDepth < 0 ? "Any" : pythonType(tool.output, detail, detail.outputDepth);
  const { list, note } = parameters(tool.input, detail);
  const observed = tool.observed === 0 || result === "Any" ? "" : observedNote(tool.observed);
  const notes = [note, observed].filter((text) => text !== "").join("; ");
  return `${doc}    async def ${tool.identifier}(${list}) -> ${result}: ...${notes === "" ? "" : `  # ${notes}`}`;
}

interface Parameter {
  readonly code: string;
  readonly text: string;
}

function parameters(input: ObjectShape, detail: SignatureDetail): { list: string; note: string } {
  if (!detail.required) {
    const open = input.fields.length > 0 || input.others !== undefined;
    return { list: open ? "**kwargs" : "", note: hiddenNote(input.fields, "parameters", detail) };
  }
  const { shown, hidden } = chooseFields(input.fields, detail.optional);
  const named = shown.filter((field) => isPythonParameter(field.name));
  const odd = shown.filter((field) => !isPythonParameter(field.name));
  const list = named.map((field) => parameter(field, detail));
  if (list.length > 0) list.unshift({ code: "*", text: "" });
  const rest = keywordRest(odd, hidden.length > 0 ? undefined : input.others, detail);
  if (rest !== undefined) list.push({ ...rest, code: `**${freeName(input.fields)}: ${rest.code}` });
  const notes = [hiddenNote(hidden, "optional", detail)];
  if (input.needs !== undefined) notes.push(`needs ${cleanLine(input.needs.join(" | "), 200)}`);
  return { list: layOut(list), note: notes.filter((note) => note !== "").join("; ") };
}

function layOut(list: readonly Parameter[]): string {
  if (!list.some((entry) => entry.text !== "")) return list.map((entry) => entry.code).join(", ");
  const lines = list.map((entry) => `        ${entry.code},${entry.text === "" ? "" : `  # ${entry.text}`}`);
  return `\n${lines.join("\n")}\n    `;
}

function parameter(field: Field, detail: SignatureDetail): Parameter {
  const type = pythonType(field.shape, detail, detail.depth);
  const preset = field.preset === undefined || detail.depth === 0 ? "..." : literal(field.preset);
  const text = fieldText(field, detail.parameterChars, false);
  return { code: `${field.name}: ${type}${field.required ? "" : ` = ${preset}`}`, text };
}

/** Parameters whose names Python cannot spell, as the type of the keyword rest; else the type of others. */
function keywordRest(
  odd: readonly Field[],
  others: Shape | undefined,
  detail: SignatureDetail,
): Parameter | undefined {
  if (odd.length > 0)
    return {
      code: dictType({ kind: "object", fields: odd }, detail, detail.depth),
      text: 'pass as **{"name": value}',
    };
  return others === undefined ? undefined : { code: pythonType(others, detail, detail.depth - 1), text: "" };
}

function freeName(fields: readonly Field[]): string {
  const names = new Set(fields.map((field) => field.name));
  let name = "kwargs";
  while (names.has(name)) name = `${name}_`;
  return name;
}

/** A shape as a Python annotation on one line: objects are dict displays, optional keys `NotRequired`. */
export function pythonType(shape: Shape, detail: SignatureDetail, depth: number): string {
  switch (shape.kind) {
    case "unknown":
      return "Any";
    case "never":
      return "Never";
    case "null":
      return "None";
    case "boolean":
      return "bool";
    case "integer":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
    case "literal":
      return `Literal[${literal(shape.value)}]`;
    case "array":
      return `list[${pythonType(shape.item, detail, depth)}]`;
    case "tuple": {
      if (depth <= 0) return "list";
      const items = shape.items.map((item) => pythonType(item, detail, depth - 1));
      if (shape.rest !== undefined) items.push("...");
      return `tuple[${items.join(", ")}]`;
    }
    case "object":
      if (shape.fields.length > 0) return depth <= 0 ? "dict" : dictType(shape, detail, depth - 1);
      return shape.others === undefined
        ? "dict"
        : `dict[str, ${pythonType(shape.others, detail, depth - 1)}]`;
    case "union":
      return unionType(shape, detail, depth);
  }
}

function dictType(shape: ObjectShape, detail: SignatureDetail, depth: number): string {
  const { shown, hidden } = chooseFields(shape.fields, detail.nestedFields);
  const members = shown.map((field) => {
    const type = pythonType(field.shape, detail, depth);
    return `${quote(field.name, "python")}: ${field.required ? type : `NotRequired[${type}]`}`;
  });
  if (shape.others !== undefined || hidden.length > 0) members.push("...: Any");
  return `{${members.join(", ")}}`;
}

function unionType(union: UnionShape, detail: SignatureDetail, depth: number): string {
  const { literals, shapes, widened } = chooseOptions(union, detail);
  const types = shapes.map((shape) => pythonType(shape, detail, depth));
  if (literals.length > 0) {
    const cut = widened.length > 0 ? ", ..." : "";
    types.unshift(`Literal[${literals.map(literal).join(", ")}${cut}]`);
  } else types.unshift(...widened.map((shape) => pythonType(shape, detail, depth)));
  return [...new Set(types)].join(" | ");
}

function literal(value: LiteralValue | null): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" ? quote(value, "python") : String(value);
}
