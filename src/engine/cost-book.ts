import type { Estimate, Estimates, Way } from "./route.ts";

/** One request: what its way was expected to cost, and did. Tokens, the definition of its tool included. */
export interface Outcome {
  /** Absent when nothing was known. */
  readonly estimated?: number;
  readonly actual: number;
}

/**
 * What intents and tools have cost, learned from what they brought back: numbers only, no values. An
 * estimate follows what is seen, so that a way that grows dear is left again.
 */
export interface CostBook {
  /** `tool` is the ref that the intent maps to, `definition` what the caller pays to know it for that way alone. Tokens. */
  estimates(intent: string, tool: string | undefined, definition: number): Estimates;
  /** The last requests by a way, the oldest first. */
  outcomes(intent: string, way: Way): readonly Outcome[];
  /** A request brought back so many tokens. */
  record(intent: string, way: Way, result: number, outcome: Outcome): void;
  /** A tool gave so much, whoever called it. Bytes. */
  seen(ref: string, bytes: number): void;
}

/** Intents, and tools, of which something is remembered; those unused longest are forgotten first. */
const MAX_ENTRIES = 1_000;
/** Outcomes that are kept of each way. */
const MAX_OUTCOMES = 20;
/** How much the latest request counts in an estimate. */
const WEIGHT = 0.3;
/** Bytes of JSON that stand for one token. */
const BYTES_PER_TOKEN = 4;

interface Learned {
  readonly mean: number;
  readonly samples: number;
  readonly outcomes: readonly Outcome[];
}

export function createCostBook(): CostBook {
  const ways = new Map<string, Learned>();
  const tools = new Map<string, number>();
  const find = (intent: string, way: Way): Learned | undefined => ways.get(`${way} ${intent}`);
  const estimate = (learned: Pick<Learned, "mean" | "samples">, definition: number): Estimate => {
    const result = Math.round(learned.mean);
    return { tokens: definition + result, definition, result, samples: learned.samples };
  };
  return {
    estimates(intent, tool, definition) {
      const bytes = tool === undefined ? undefined : tools.get(tool);
      const byOthers = bytes === undefined ? undefined : { mean: bytes / BYTES_PER_TOKEN, samples: 0 };
      const mcp = find(intent, "mcp") ?? byOthers;
      const code = find(intent, "code");
      return { mcp: mcp && estimate(mcp, definition), code: code && estimate(code, 0) };
    },
    outcomes: (intent, way) => find(intent, way)?.outcomes ?? [],
    record(intent, way, result, outcome) {
      const { mean = result, samples = 0, outcomes = [] } = find(intent, way) ?? {};
      keep(ways, `${way} ${intent}`, {
        mean: mean + WEIGHT * (result - mean),
        samples: samples + 1,
        outcomes: [...outcomes, outcome].slice(-MAX_OUTCOMES),
      });
    },
    seen(ref, bytes) {
      const mean = tools.get(ref) ?? bytes;
      keep(tools, ref, mean + WEIGHT * (bytes - mean));
    },
  };
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_ENTRIES && oldest !== undefined) map.delete(oldest);
}
