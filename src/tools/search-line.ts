import { isJsonObject } from "../base/json.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import { cleanLine } from "./outside-text.ts";
import { markOf } from "./tool-mark.ts";

/** Most characters of one line of search results. */
export const MAX_LINE_CHARS = 160;
const MAX_PARAMETER_CHARS = 64;

/** One tool in one line: `github.list_issues(owner, repo, state?) - List issues in a repository`. */
export function searchLine(tool: CatalogTool): string {
  const mark = markOf(tool);
  const head = `${tool.ref}(${parameterNames(tool)})${mark === "" ? "" : ` ${mark}`}`;
  const description = tool.definition.description || tool.definition.title;
  const text = cleanLine(firstSentence(description), MAX_LINE_CHARS - head.length - 3);
  return text === "" ? head : `${head} - ${text}`;
}

function firstSentence(text: unknown): string {
  if (typeof text !== "string") return "";
  const start = text.slice(0, 1_000).trim();
  return /^[\s\S]*?[.!?](?=\s)|^[\s\S]*?(?=\n\s*\n)/.exec(start)?.[0] ?? start;
}

function parameterNames(tool: CatalogTool): string {
  const schema = tool.definition.inputSchema;
  if (!isJsonObject(schema)) return "";
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  const names = new Set([...required].filter((name) => typeof name === "string"));
  const properties = isJsonObject(schema["properties"]) ? Object.keys(schema["properties"]) : [];
  for (const name of properties) names.add(name);
  let line = "";
  for (const name of names) {
    const piece = `${line === "" ? "" : ", "}${cleanLine(name, 40)}${required.has(name) ? "" : "?"}`;
    if (line.length + piece.length > MAX_PARAMETER_CHARS) return line === "" ? "…" : `${line}, …`;
    line += piece;
  }
  return line;
}
