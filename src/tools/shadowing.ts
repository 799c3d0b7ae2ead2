import type { Catalog } from "./catalog.ts";
import type { CatalogTool } from "./catalog-tool.ts";

/**
 * What is odd about a tool's name: another server has it too, so that a model may call the one and mean
 * the other. Letters that only look alike count as the same.
 */
export function shadowedBy(tool: CatalogTool, catalog: Catalog): readonly string[] {
  const name = lookOf(tool.definition.name);
  return catalog.tools
    .filter((other) => other.source !== tool.source && lookOf(other.definition.name) === name)
    .slice(0, MAX_WARNINGS)
    .map(({ ref }) => `Its name is that of ${ref} too.`);
}

const MAX_WARNINGS = 5;

/** A name as a reader sees it: without case, marks and separators. */
function lookOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[\p{Mark}\p{Separator}\p{Other}\p{Punctuation}]+/gu, "");
}
