import type { CatalogTool } from "./catalog-tool.ts";

/** What a reader must know before calling a tool, in brackets and in our own words; mostly an empty text. */
export function markOf(tool: CatalogTool): string {
  const marks: string[] = [];
  if (tool.source.status.state === "unavailable") marks.push("unavailable");
  if (isDeprecated(tool)) marks.push("deprecated");
  return marks.length === 0 ? "" : `[${marks.join(", ")}]`;
}

/** True when the schema says so, or the description begins with the word. */
function isDeprecated(tool: CatalogTool): boolean {
  const { description, inputSchema } = tool.definition;
  if (inputSchema?.["deprecated"] === true) return true;
  return typeof description === "string" && /^\W{0,4}deprecated\b/i.test(description);
}
