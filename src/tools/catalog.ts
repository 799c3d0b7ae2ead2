import { isJsonObject } from "../base/json.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import { assignIdentifiers } from "./names.ts";
import { nearestTools } from "./nearest-tools.ts";
import { createSearchIndex, type SearchDocument, type SearchIndex } from "./search.ts";
import { searchLine } from "./search-line.ts";
import type { ToolDefinition, ToolSource } from "./tool.ts";

/** The namespace of the page's own tools: the first source with this id has it. */
export const PAGE_NAMESPACE = "page";
/** Functions that a guest finds beside the namespaces. */
const TAKEN_NAMESPACES = ["search", "describe"] as const;

export type { CatalogTool } from "./catalog-tool.ts";

/** One source and its tools. */
export interface CatalogNamespace {
  readonly namespace: string;
  readonly source: ToolSource;
  readonly tools: readonly CatalogTool[];
}

/** One search result. */
export interface SearchHit {
  readonly ref: string;
  /** One line of at most 160 characters (longer only for a longer ref), without control characters. */
  readonly line: string;
  /** Orders the hits of one search; not comparable between searches. 0 when the query was empty. */
  readonly score: number;
  /** False while the tool's source cannot be called. */
  readonly available: boolean;
}

/** How to search. */
export interface SearchOptions {
  /** Most hits, 1 to 50. Default 10. */
  readonly limit?: number;
  /** Only tools of this namespace. */
  readonly namespace?: string;
}

/**
 * All tools of all sources, under identifiers that are fit for programs.
 *
 * Reads the sources when first asked after a change; arrays that it handed out stay as they were.
 * Disposing it stops listening to the sources, which it does not own.
 */
export interface Catalog extends Disposable {
  /** Grows with every change of a source. */
  readonly version: number;
  readonly tools: readonly CatalogTool[];
  readonly namespaces: readonly CatalogNamespace[];
  /** The tool of a ref (`github.list_issues`) or of the original spelling (`my-server.create-issue`). */
  find(path: string): CatalogTool | undefined;
  /** Tools that may have been meant by an unknown path, best first. Default limit 3. */
  nearest(path: string, limit?: number): readonly CatalogTool[];
  /** Ranks tools for words or a sentence; an empty query lists the first tools. */
  search(query: string, options?: SearchOptions): readonly SearchHit[];
  /** Called after a source changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

interface Snapshot {
  readonly tools: readonly CatalogTool[];
  readonly namespaces: readonly CatalogNamespace[];
  readonly paths: ReadonlyMap<string, CatalogTool>;
}

/** Makes one catalog of several sources. */
export function createCatalog(sources: readonly ToolSource[]): Catalog {
  const listeners = new Set<() => void>();
  let version = 1;
  let current: Snapshot | undefined;
  let index: SearchIndex | undefined;
  const snapshot = (): Snapshot => {
    current ??= readSources(sources);
    return current;
  };
  const stops = sources.map((source) =>
    source.onChange(() => {
      version += 1;
      current = undefined;
      index = undefined;
      for (const listener of [...listeners]) listener();
    }),
  );
  return {
    get version() {
      return version;
    },
    get tools() {
      return snapshot().tools;
    },
    get namespaces() {
      return snapshot().namespaces;
    },
    find(path) {
      const { paths } = snapshot();
      return (
        paths.get(path) ?? (path.startsWith("tools.") ? paths.get(path.slice("tools.".length)) : undefined)
      );
    },
    nearest: (path, limit = 3) => nearestTools(snapshot().tools, path, limit),
    search(query, options = {}) {
      const { tools } = snapshot();
      index ??= createSearchIndex(tools.map(documentOf));
      return searchTools(tools, index, query, options);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [Symbol.dispose]() {
      listeners.clear();
      for (const stop of stops.splice(0)) stop();
    },
  };
}

function readSources(sources: readonly ToolSource[]): Snapshot {
  const names = namespaceNames(sources);
  const namespaces = sources.map((source, at) => readSource(source, names[at] ?? ""));
  const tools = namespaces.flatMap((namespace) => namespace.tools);
  const paths = new Map(tools.map((tool) => [tool.ref, tool]));
  for (const tool of tools) {
    for (const server of [tool.source.id, tool.namespace]) {
      for (const name of [tool.definition.name, tool.identifier]) {
        const path = `${server}.${name}`;
        if (!paths.has(path)) paths.set(path, tool);
      }
    }
  }
  return { tools, namespaces, paths };
}

/** Sources may share an id: the first has the plain identifier. */
function namespaceNames(sources: readonly ToolSource[]): readonly string[] {
  const ids = sources.map((source) => source.id);
  const taken: string[] = ids.includes(PAGE_NAMESPACE)
    ? [...TAKEN_NAMESPACES]
    : [...TAKEN_NAMESPACES, PAGE_NAMESPACE];
  const first = assignIdentifiers(ids, taken);
  const used = new Set([...taken, ...first.values()]);
  const seen = new Set<string>();
  return ids.map((id) => {
    const plain = first.get(id) ?? "";
    if (!seen.has(id)) {
      seen.add(id);
      return plain;
    }
    const other = assignIdentifiers([id], used).get(id) ?? plain;
    used.add(other);
    return other;
  });
}

function readSource(source: ToolSource, namespace: string): CatalogNamespace {
  const definitions = new Map<string, ToolDefinition>();
  for (const definition of source.tools) {
    if (typeof definition.name === "string" && !definitions.has(definition.name))
      definitions.set(definition.name, definition);
  }
  const identifiers = assignIdentifiers([...definitions.keys()]);
  const tools = [...definitions].map(([name, definition]) => {
    const identifier = identifiers.get(name) ?? "";
    return { ref: `${namespace}.${identifier}`, namespace, identifier, source, definition };
  });
  return { namespace, source, tools };
}

function documentOf(tool: CatalogTool): SearchDocument {
  const properties = tool.definition.inputSchema?.["properties"];
  return {
    name: tool.definition.name,
    server: tool.source.id,
    serverDescription: tool.source.description,
    description: tool.definition.description ?? tool.definition.title,
    parameters: Object.entries(isJsonObject(properties) ? properties : {})
      .slice(0, 100)
      .map(([name, schema]) => ({
        name,
        description: isJsonObject(schema) ? schema["description"] : undefined,
      })),
  };
}

function searchTools(
  tools: readonly CatalogTool[],
  index: SearchIndex,
  query: string,
  options: SearchOptions,
): SearchHit[] {
  const { limit = 10, namespace } = options;
  const most = Number.isNaN(limit) ? 10 : Math.min(50, Math.max(1, Math.floor(limit)));
  const accepts = (tool: CatalogTool | undefined): boolean =>
    namespace === undefined || tool?.namespace === namespace;
  const hit = (tool: CatalogTool, score: number): SearchHit => ({
    ref: tool.ref,
    line: searchLine(tool),
    score: Math.round(score * 1_000) / 1_000,
    available: tool.source.status.state !== "unavailable",
  });
  if (query.trim() === "")
    return tools
      .filter(accepts)
      .slice(0, most)
      .map((tool) => hit(tool, 0));
  return index
    .find(query, most, (at) => accepts(tools[at]))
    .flatMap(({ index: at, score }) => {
      const tool = tools[at];
      return tool === undefined ? [] : [hit(tool, score)];
    });
}
