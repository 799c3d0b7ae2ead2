import { gunzipSync } from "node:zlib";
import { createBatchedCounter } from "../base/batched-counter.ts";
import type { TokenCounter } from "../base/tokens.ts";
import { type CountCommand, parseCounts } from "../protocol/count-protocol.ts";
import { createNodeThread, type ThreadParts } from "./node-thread.ts";

/** A counter of tokens, and the thread that it counts in. */
export interface ThreadTokenizer extends Disposable {
  readonly countTokens: TokenCounter;
}

/** A counter that works in a thread of its own: what one tenant returns does not hold up the others. */
export function createThreadTokenizer(): ThreadTokenizer {
  const thread = createNodeThread<CountCommand>("The tokenizer's thread", loadTokenizer);
  return {
    countTokens: createBatchedCounter((texts) =>
      thread.ask({ type: "count", texts }, (data) => parseCounts(data, texts.length)),
    ),
    [Symbol.dispose]: () => thread.end(),
  };
}

async function loadTokenizer(): Promise<ThreadParts> {
  const [{ default: script }, { default: packed }] = await Promise.all([
    import("../runtimes/tokenizer-worker.ts?script"),
    import("gpt-tokenizer/bpeRanks/o200k_base?ranks"),
  ]);
  return { script, files: { ranks: gunzipSync(Buffer.from(packed, "base64")) } };
}
