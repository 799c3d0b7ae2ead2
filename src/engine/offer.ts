import type { TokenCounter } from "../base/tokens.ts";
import { type Capabilities, describeCapabilities } from "../capabilities/manifest.ts";
import type { Limits } from "../sandbox/limits.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { requireTool } from "../tools/broker.ts";
import type { Catalog, SearchHit, SearchOptions } from "../tools/catalog.ts";
import type { Description } from "../tools/describe.ts";
import type { FindObserved } from "../tools/observed-shapes.ts";
import type { FlagStore } from "./flags.ts";
import type { IntentRegistry } from "./intent-registry.ts";

/** How tools are described. */
export interface DescribeOptions {
  /** Default `typescript`. */
  readonly language?: "typescript" | "python";
  /** Default: the flag `maxTokensPerRequest`. */
  readonly maxTokens?: number;
}

/** What an engine shows of itself: to models, and to people. */
export interface Offer {
  /** The manifest and the one tool's definition, as they are now. */
  capabilities(): Promise<Capabilities>;
  /** Ranks tools for words or a sentence; intents that fit stand first. */
  search(query: string, options?: SearchOptions): readonly SearchHit[];
  /** Signatures of tools by ref, within a budget. Rejects with 400 `unknown_tool`. */
  describe(refs: readonly string[], options?: DescribeOptions): Promise<Description>;
}

export interface OfferParts {
  readonly catalog: Catalog;
  readonly registry: IntentRegistry;
  readonly sandboxes: readonly Sandbox[];
  readonly limits: Limits;
  readonly flags: FlagStore;
  readonly findObserved: FindObserved;
  readonly countTokens: TokenCounter;
}

/** Intents that a search shows before the tools: they are few, and were made for this page. */
const MAX_INTENT_HITS = 3;

export function createOffer(parts: OfferParts): Offer {
  const { catalog, registry, sandboxes, limits, flags, findObserved, countTokens } = parts;
  return {
    capabilities: () =>
      describeCapabilities({
        catalog,
        intents: registry.intents.list().flatMap(({ name, kind }) => (kind === "tool" ? [] : [name])),
        backends: sandboxes.map(({ traits }) => traits.name),
        languages: [...new Set(sandboxes.flatMap(({ traits }) => traits.languages))],
        limits,
        maxTokensPerRequest: flags.current.maxTokensPerRequest,
        countTokens,
      }),

    search: (query, options) => [
      ...(options?.namespace === undefined ? registry.search(query, MAX_INTENT_HITS) : []),
      ...catalog.search(query, options),
    ],

    async describe(refs, { language = "typescript", maxTokens = flags.current.maxTokensPerRequest } = {}) {
      const tools = refs.map((ref) => requireTool(catalog, ref));
      const { describeTools } = await import("../tools/describe.ts");
      return describeTools(tools, { language, maxTokens, countTokens, findObserved });
    },
  };
}
