import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { createBatchedCounter } from "../base/batched-counter.ts";
import type { TokenCounter } from "../base/tokens.ts";
import { parseCounts } from "../protocol/count-protocol.ts";

/** A counter of tokens, and the thread that it counts in. */
export interface ThreadTokenizer extends AsyncDisposable {
  readonly countTokens: TokenCounter;
}

/** What the script finds in a browser's worker, so that pages and hosts ship one vocabulary. */
const WORKER_SCOPE = `const { parentPort } = require("node:worker_threads");
globalThis.self = { postMessage: (message) => parentPort.postMessage(message) };
parentPort.on("message", (data) => self.onmessage({ data }));
`;

/**
 * A counter that works in a thread of its own, started at the first use and again when it died: what one tenant
 * returns does not hold up the others.
 */
export function createThreadTokenizer(): ThreadTokenizer {
  let thread: Promise<Worker> | undefined;
  const start = async (): Promise<Worker> => {
    const [{ default: script }, { default: packed }] = await Promise.all([
      import("../runtimes/tokenizer-worker.ts?script"),
      import("gpt-tokenizer/bpeRanks/o200k_base?ranks"),
    ]);
    const started = new Worker(WORKER_SCOPE + script, { eval: true, env: {}, execArgv: [] });
    // It ends with the process, and its death is told to whoever waits for counts.
    started.unref();
    started.on("error", () => undefined);
    started.once("exit", () => {
      thread = undefined;
    });
    await exchange(started, { type: "boot", files: { ranks: gunzipSync(Buffer.from(packed, "base64")) } });
    return started;
  };
  const ask: TokenCounter = async (texts) => {
    thread ??= start();
    const counts = await exchange(await thread, { credits: 0, command: { type: "count", texts } });
    return parseCounts(counts, texts.length);
  };
  return {
    countTokens: createBatchedCounter(ask),
    async [Symbol.asyncDispose]() {
      const running = await thread;
      await running?.terminate();
    },
  };
}

/** Waits for the thread's answer, which keeps the process alive meanwhile. Rejects when the thread ends. */
async function exchange(thread: Worker, message: object): Promise<unknown> {
  const gone = new AbortController();
  const onExit = (): void => gone.abort(new Error("The tokenizer's thread ended."));
  thread.once("exit", onExit);
  thread.ref();
  try {
    thread.postMessage(message);
    const [answer] = await once(thread, "message", { signal: gone.signal });
    return answer;
  } finally {
    thread.off("exit", onExit);
    thread.unref();
  }
}
