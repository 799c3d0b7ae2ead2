// Intents of the page itself, without a server in between: what the engine costs.

import { createOptimizer, memory, type Optimizer } from "../../src/index.ts";
import { timed } from "./measure.ts";

/** Operations a second, of each round. */
export interface IntentResults {
  /** A reading tool whose answer is kept. */
  readonly cached: readonly number[];
  /** The same tool, called each time. */
  readonly uncached: readonly number[];
}

const OPERATIONS = 1_000;
const ROUNDS = 7;

/** The same intent with and without the cache, in turn, eight at a time. */
export async function runIntentBenchmark(): Promise<IntentResults> {
  await using optimizer = await createOptimizer({
    tools: {
      lookup: {
        inputSchema: { type: "object", properties: { id: { type: "number" } }, required: ["id"] },
        annotations: { readOnlyHint: true },
        call: async ({ id }) => ({ id, name: "row" }),
      },
    },
    cache: { tools: { "page.lookup": { ttlMs: 600_000 } } },
    context: memory(),
  });
  const round = async (enableCaching: boolean): Promise<number> => {
    optimizer.flags.set({ enableCaching });
    const { ms } = await timed(() => inParallel(OPERATIONS, (id) => lookUp(optimizer, id)));
    return (OPERATIONS / ms) * 1_000;
  };
  await round(true);
  await round(false);
  const cached: number[] = [];
  const uncached: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    cached.push(await round(true));
    uncached.push(await round(false));
  }
  const { hits } = optimizer.cache.stats;
  if (hits < ROUNDS * OPERATIONS * 0.9) throw new Error(`The cache gave only ${hits} answers.`);
  return { cached, uncached };
}

async function lookUp(optimizer: Optimizer, id: number): Promise<void> {
  const response = await optimizer.execute({ intent: "page.lookup", params: { id: id % 100 }, id });
  if (!("result" in response)) throw new Error(JSON.stringify(response));
}

async function inParallel(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

let enduring: Optimizer | undefined;

/** Runs programs, each with a tool call, and leaves the engine open. Resolves when all returned. */
export async function endure(count: number): Promise<void> {
  enduring ??= await createOptimizer({ tools: { echo: { call: async (args) => args } }, context: memory() });
  const engine = enduring;
  await inParallel(count, async (at) => {
    const code = `await context.set("k", ${at % 7}); return await tools.page.echo({ at: ${at % 1_000} })`;
    const result = await engine.run({ language: "javascript", code }, { session: `s${at % 3}` });
    if (result.status !== "returned") throw new Error(JSON.stringify(result));
  });
}
