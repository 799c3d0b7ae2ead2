import type { TokenCounter } from "../base/tokens.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import type { Limits } from "../sandbox/limits.ts";
import type { Catalog, CatalogNamespace, CatalogTool } from "../tools/catalog.ts";
import type { ToolDefinition } from "../tools/tool.ts";
import { VERSION } from "../version.ts";

/** The most that the manifest, or the tool's definition, costs a model. Tokens, o200k_base, as minified JSON. */
export const MANIFEST_MAX_TOKENS = 187;

/** What this engine offers, small enough to stand in every request. */
export interface MiniManifest {
  readonly name: "mcp-optimizer";
  readonly version: string;
  /** Name of the one tool. */
  readonly tool: string;
  readonly capabilities: {
    readonly intents: readonly string[];
    readonly backends: readonly string[];
    readonly languages: readonly Language[];
    readonly limits: {
      readonly timeoutMs: number;
      readonly memoryMiB: number;
      readonly toolCalls: number;
      readonly maxTokens: number;
    };
  };
  /** Tools by server; servers that found no room are counted under `more`. */
  readonly servers: Readonly<Record<string, number>>;
  /** How to go on from here. */
  readonly use: string;
  /** Measured on the live catalog: every definition handed over, against the one tool. */
  readonly tokenSavings: { readonly classic: number; readonly optimized: number; readonly percent: number };
}

/** The one tool's definition as it is sent to a model. */
export interface ToolDefinitionForModel {
  readonly name: string;
  readonly description: string;
  readonly input_schema: {
    readonly type: "object";
    readonly properties: {
      readonly code: { readonly type: "string" };
      readonly language: { readonly enum: readonly Language[] };
    };
    readonly required: readonly ["code"];
  };
}

/** The manifest and the tool, made for one state of the catalog. */
export interface Capabilities {
  readonly manifest: MiniManifest;
  readonly tool: ToolDefinitionForModel;
}

export interface CapabilityFacts {
  readonly catalog: Catalog;
  /** Names of the intents that were defined. */
  readonly intents: readonly string[];
  readonly backends: readonly string[];
  readonly languages: readonly Language[];
  readonly limits: Limits;
  readonly maxTokensPerRequest: number;
  readonly countTokens: TokenCounter;
}

export const TOOL_NAME = "run_code";

/** Writes the manifest and the tool for the catalog as it is now, each within {@link MANIFEST_MAX_TOKENS}. */
export async function describeCapabilities(facts: CapabilityFacts): Promise<Capabilities> {
  const { catalog, countTokens } = facts;
  const namespaces = catalog.namespaces.filter(({ tools }) => tools.length > 0).toSorted(bySize);
  const [tool, classic] = await Promise.all([
    fitNames(namespaces.length, countTokens, (shown) => toolFor(facts, namespaces, shown)),
    classicTokens(catalog.tools, countTokens),
  ]);
  const optimized = tool.tokens;
  const percent = classic <= optimized ? 0 : Math.floor((1 - optimized / classic) * 10_000) / 100;
  const savings = { classic, optimized, percent };
  const manifest = await fitNames(namespaces.length, countTokens, (shown) =>
    manifestFor(facts, namespaces, shown, 0, savings),
  );
  // Servers first: what is defined can be listed by whoever defined it.
  const full = await fitNames(facts.intents.length, countTokens, (intents) =>
    manifestFor(facts, namespaces, manifest.shown, intents, savings),
  );
  return { manifest: full.value, tool: tool.value };
}

/** What a definition that is handed over the classic way tells of. */
export type ClassicDefinition = Pick<ToolDefinition, "name" | "description" | "inputSchema">;

/** A definition as it is handed to a model the classic way: `{ name, description, input_schema }`. */
export function definitionText({ name, description, inputSchema }: ClassicDefinition): string {
  return JSON.stringify({ name, description, input_schema: inputSchema ?? { type: "object" } });
}

/** The tokens of every definition handed over the classic way. */
export async function classicTokens(
  tools: readonly CatalogTool[],
  countTokens: TokenCounter,
): Promise<number> {
  let sum = 0;
  for (let start = 0; start < tools.length; start += TOOLS_A_COUNT) {
    const part = tools.slice(start, start + TOOLS_A_COUNT);
    const texts = part.map(({ definition }) => definitionText(definition));
    for (const tokens of await countTokens(texts)) sum += tokens;
  }
  return sum;
}

/** Large catalogs are counted in parts, so that runs that need a count come in between. */
const TOOLS_A_COUNT = 64;

/** Shows as many names as fit, the first ones. */
async function fitNames<T>(
  names: number,
  countTokens: TokenCounter,
  write: (shown: number) => T,
): Promise<{ readonly value: T; readonly tokens: number; readonly shown: number }> {
  // A name is at least one token: no more than the budget can ever fit.
  const most = Math.min(names, MANIFEST_MAX_TOKENS);
  const candidates = Array.from({ length: most + 1 }, (_, shown) => write(shown));
  const counts = await countTokens(candidates.map((candidate) => JSON.stringify(candidate)));
  const best = counts.findLastIndex((tokens) => tokens <= MANIFEST_MAX_TOKENS);
  const value = candidates[Math.max(0, best)] ?? write(0);
  return { value, tokens: counts[Math.max(0, best)] ?? 0, shown: Math.max(0, best) };
}

function bySize(one: CatalogNamespace, other: CatalogNamespace): number {
  return other.tools.length - one.tools.length || (one.namespace < other.namespace ? -1 : 1);
}

function manifestFor(
  facts: CapabilityFacts,
  namespaces: readonly CatalogNamespace[],
  shown: number,
  intents: number,
  tokenSavings: MiniManifest["tokenSavings"],
): MiniManifest {
  const servers = namespaces
    .slice(0, shown)
    .map(({ namespace, tools }): [string, number] => [namespace, tools.length]);
  const more = namespaces.length - shown;
  return {
    name: "mcp-optimizer",
    version: VERSION,
    tool: TOOL_NAME,
    capabilities: {
      intents: [TOOL_NAME, "<server>.<tool>", ...facts.intents.slice(0, intents)],
      backends: facts.backends,
      languages: facts.languages,
      limits: {
        timeoutMs: facts.limits.timeoutMs,
        memoryMiB: Math.floor(facts.limits.memoryBytes / 1024 / 1024),
        toolCalls: facts.limits.maxToolCalls,
        maxTokens: facts.maxTokensPerRequest,
      },
    },
    servers: Object.fromEntries(more === 0 ? servers : [...servers, ["more", more]]),
    use: "tools.search(text), tools.describe(name), await tools.server.tool({}), return",
    tokenSavings,
  };
}

function toolFor(
  facts: CapabilityFacts,
  namespaces: readonly CatalogNamespace[],
  shown: number,
): ToolDefinitionForModel {
  const names = namespaces.slice(0, shown).map(({ namespace }) => namespace);
  const more = namespaces.length - shown;
  const list = [...names, ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return {
    name: TOOL_NAME,
    description:
      "Run a program that calls tools; only what it returns comes back, so filter and aggregate in code. " +
      'await tools.search("words") lists tools; await tools.describe("server.tool") shows a signature; ' +
      "await tools.server.tool({arg}) calls it (Promise.all for many). End with return. " +
      `await context.get/set(key) keeps data between programs, context.open(handle) opens a handle. No imports, no network.${list === "" ? "" : ` Servers: ${list}`}`,
    input_schema: {
      type: "object",
      properties: { code: { type: "string" }, language: { enum: facts.languages } },
      required: ["code"],
    },
  };
}
