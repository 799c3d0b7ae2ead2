import type { CatalogTool } from "./catalog-tool.ts";
import { similarityOf } from "./edit-distance.ts";

/** How alike two paths must be before one is offered for the other. */
const MIN_SIMILARITY = 0.45;

/** Tools that may have been meant by a path that names none, best first. */
export function nearestTools(
  tools: readonly CatalogTool[],
  path: string,
  limit: number,
): readonly CatalogTool[] {
  const wanted = path.replace(/^tools\./, "");
  const dot = wanted.indexOf(".");
  const server = dot < 0 ? "" : wanted.slice(0, dot);
  const name = wanted.slice(dot + 1);
  const serverScores = new Map<string, number>();
  const scored = tools.map((tool) => {
    const serverScore = serverScores.get(tool.namespace) ?? similarityOf(server, tool.namespace);
    serverScores.set(tool.namespace, serverScore);
    const whole = similarityOf(wanted, tool.ref);
    const byParts = 0.75 * nameSimilarity(name, tool.identifier) + 0.25 * (dot < 0 ? 1 : serverScore);
    return { tool, score: Math.max(whole, byParts) };
  });
  return scored
    .filter(({ score }) => score >= MIN_SIMILARITY)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ tool }) => tool);
}

/** Likeness of spelling, or of the words whatever their order: `issues_list` means `list_issues`. */
function nameSimilarity(left: string, right: string): number {
  const words = (name: string): string =>
    name
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .sort()
      .join(" ");
  return Math.max(similarityOf(left, right), 0.95 * similarityOf(words(left), words(right)));
}
