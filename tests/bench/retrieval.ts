/**
 * Recall of tool search on three public retrieval sets, and its speed.
 * Run with `node tests/bench/retrieval.ts`; needs ../shared/data/retrieval, which is no part of the project.
 */
import { existsSync, readFileSync } from "node:fs";
import { createSearchIndex } from "../../src/tools/search.ts";

interface CorpusLine {
  readonly id: string;
  readonly server: string;
  readonly name: string;
  readonly description: string;
  readonly params: readonly { readonly name: string; readonly description: string }[];
}

interface QueryLine {
  readonly text: string;
  /** For each needed tool the ids of which any one will do. */
  readonly gold: readonly (readonly string[])[];
}

/** Best recall@5 of the lexical engines that were compared when the project began, in percent. */
const BASELINES = new Map([
  ["bfcl_pooled", 62.8],
  ["sealtools_ood", 85.9],
  ["metatool_2k", 62.1],
]);
const DEPTHS = [1, 5, 10] as const;
const DATA = new URL("../../../shared/data/retrieval/", import.meta.url);

function readLines<Line>(name: string): Line[] {
  const lines = readFileSync(new URL(name, DATA), "utf8").trim().split("\n");
  return lines.map((line): Line => JSON.parse(line));
}

function measure(set: string, baseline: number): string {
  const corpus = readLines<CorpusLine>(`${set}.corpus.jsonl`);
  const queries = readLines<QueryLine>(`${set}.queries.jsonl`);
  const started = performance.now();
  const index = createSearchIndex(
    corpus.map(({ params, ...tool }) => ({ ...tool, serverDescription: undefined, parameters: params })),
  );
  const indexed = performance.now();
  const found = DEPTHS.map(() => 0);
  for (const { text, gold } of queries) {
    const ids = index.find(text, 10).map((match) => corpus[match.index]?.id ?? "");
    DEPTHS.forEach((depth, at) => {
      const top = new Set(ids.slice(0, depth));
      const hits = gold.filter((choices) => choices.some((id) => top.has(id))).length;
      found[at] = (found[at] ?? 0) + hits / gold.length;
    });
  }
  const queryMs = (performance.now() - indexed) / queries.length;
  const recalls = found.map((sum) => ((100 * sum) / queries.length).toFixed(1).padStart(6));
  const timing = `${(indexed - started).toFixed(0).padStart(8)}${queryMs.toFixed(2).padStart(9)}`;
  return `${set.padEnd(15)}${String(corpus.length).padStart(6)}${recalls.join("")}${baseline.toFixed(1).padStart(10)}${timing}`;
}

if (existsSync(DATA)) {
  console.log("set             tools   R@1   R@5  R@10  R@5 base  index ms  ms/query");
  for (const [set, baseline] of BASELINES) console.log(measure(set, baseline));
} else {
  console.log(`skipped: ${DATA.pathname} is missing`);
}
