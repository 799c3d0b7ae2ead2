import { createTermReader } from "./search-text.ts";

/** What search knows of one tool. All text is outside data; anything but a string counts as empty. */
export interface SearchDocument {
  readonly name: string;
  readonly server: string;
  readonly serverDescription: string | undefined;
  readonly description: unknown;
  readonly parameters: readonly { readonly name: string; readonly description: unknown }[];
}

/** One answer: the document's place in the list that was indexed, and a score that only orders answers. */
export interface SearchMatch {
  readonly index: number;
  readonly score: number;
}

/** Ranks documents for a query by words they share. */
export interface SearchIndex {
  /** Best first, at most `limit`; `accept` leaves documents out. Equal scores keep the order of the list. */
  find(query: string, limit: number, accept?: (index: number) => boolean): readonly SearchMatch[];
}

/** Weight of a field and how strongly its length counts against it (BM25's b). */
const FIELDS = {
  name: { weight: 3, norm: 0.5 },
  server: { weight: 0.7, norm: 0.3 },
  serverDescription: { weight: 0.5, norm: 0.75 },
  description: { weight: 1, norm: 0.75 },
  parameterNames: { weight: 0.5, norm: 0.75 },
  parameterTexts: { weight: 0.4, norm: 0.75 },
} as const;
type FieldName = keyof typeof FIELDS;
const FIELD_NAMES = [
  "name",
  "server",
  "serverDescription",
  "description",
  "parameterNames",
  "parameterTexts",
] as const;

const SATURATION = 1.2;
/** Share by which a document that has all words of the query beats one that has few. */
const COVERAGE = 0.5;
/** Words that occur nowhere stand for words that begin like them, at this weight. */
const PREFIX_WEIGHT = 0.5;
const MAX_PREFIXED = 8;
const MAX_QUERY_TERMS = 64;
/** The rest of a longer query is not read. */
const MAX_QUERY_CHARS = 2_000;

interface Postings {
  readonly documents: number[];
  readonly weights: number[];
}

/**
 * Indexes documents for BM25F: each field adds to a term's weight by its own measure, then the sum
 * saturates once. The fields' weights were measured with tests/bench/retrieval.ts.
 */
export function createSearchIndex(documents: readonly SearchDocument[]): SearchIndex {
  const read = createTermReader();
  const postings = indexTerms(documents.map((document) => fieldTerms(document, read)));
  let sorted: readonly string[] | undefined;
  const expand = (term: string): readonly string[] => {
    sorted ??= [...postings.keys()].sort();
    return termsWithPrefix(sorted, term);
  };
  return {
    find(query, limit, accept) {
      const scores = new Map<number, { score: number; covered: number }>();
      let total = 0;
      for (const { term, share } of queryTerms(query, postings, expand)) {
        const found = postings.get(term);
        if (found === undefined) continue;
        const rarity =
          share *
          Math.log(1 + (documents.length - found.documents.length + 0.5) / (found.documents.length + 0.5));
        total += rarity;
        found.documents.forEach((index, at) => {
          const weight = found.weights[at] ?? 0;
          const entry = scores.get(index) ?? { score: 0, covered: 0 };
          entry.score += (rarity * weight * (SATURATION + 1)) / (weight + SATURATION);
          entry.covered += rarity;
          scores.set(index, entry);
        });
      }
      const matches: SearchMatch[] = [];
      for (const [index, { score, covered }] of scores) {
        if (accept === undefined || accept(index))
          matches.push({ index, score: score * (1 + (COVERAGE * covered) / total) });
      }
      return matches.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, limit);
    },
  };
}

type FieldTerms = Readonly<Record<FieldName, readonly string[]>>;

function fieldTerms(document: SearchDocument, read: (text: string) => readonly string[]): FieldTerms {
  const text = (value: unknown, maxChars = 2_000): readonly string[] =>
    typeof value === "string" ? read(value.slice(0, maxChars)) : [];
  return {
    name: text(document.name),
    server: text(document.server),
    serverDescription: text(document.serverDescription),
    description: text(document.description),
    parameterNames: document.parameters.flatMap(({ name }) => text(name)),
    parameterTexts: document.parameters.flatMap(({ description }) => text(description, 300)),
  };
}

function indexTerms(documents: readonly FieldTerms[]): Map<string, Postings> {
  const postings = new Map<string, Postings>();
  const averages = new Map(
    FIELD_NAMES.map((field) => [
      field,
      documents.reduce((sum, terms) => sum + terms[field].length, 0) / documents.length || 1,
    ]),
  );
  documents.forEach((terms, index) => {
    const weights = new Map<string, number>();
    for (const field of FIELD_NAMES) {
      const { weight, norm } = FIELDS[field];
      const step = weight / (1 - norm + (norm * terms[field].length) / (averages.get(field) ?? 1));
      for (const term of terms[field]) weights.set(term, (weights.get(term) ?? 0) + step);
    }
    for (const [term, weight] of weights) {
      const entry = postings.get(term);
      if (entry === undefined) postings.set(term, { documents: [index], weights: [weight] });
      else {
        entry.documents.push(index);
        entry.weights.push(weight);
      }
    }
  });
  return postings;
}

function queryTerms(
  query: string,
  postings: ReadonlyMap<string, Postings>,
  expand: (term: string) => readonly string[],
): readonly { readonly term: string; readonly share: number }[] {
  const terms = [...new Set(createTermReader()(query.slice(0, MAX_QUERY_CHARS)))].slice(0, MAX_QUERY_TERMS);
  return terms.flatMap((term) => {
    if (postings.has(term)) return [{ term, share: 1 }];
    const similar = term.length < 3 ? [] : expand(term);
    return similar.map((other) => ({ term: other, share: PREFIX_WEIGHT / similar.length }));
  });
}

function termsWithPrefix(sorted: readonly string[], prefix: string): readonly string[] {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < prefix) low = middle + 1;
    else high = middle;
  }
  const found: string[] = [];
  for (let at = low; at < sorted.length && found.length < MAX_PREFIXED; at++) {
    const term = sorted[at] ?? "";
    if (!term.startsWith(prefix)) break;
    found.push(term);
  }
  return found;
}
