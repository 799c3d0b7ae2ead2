import type { TokenCounter } from "./tokens.ts";

interface Waiting {
  readonly texts: readonly string[];
  readonly resolve: (counts: readonly number[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A counter over one that counts elsewhere, in a worker that may die.
 *
 * One question is under way at a time: what is asked meanwhile goes together in the next. A question that
 * failed is asked once more.
 */
export function createBatchedCounter(ask: TokenCounter): TokenCounter {
  const known = new Map<string, number>();
  let queue: Waiting[] = [];
  let busy = false;

  const work = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        const texts = batch.flatMap((waiting) => waiting.texts);
        // A value that is waiting to be returned must not go with a worker that died.
        const counts = await ask(texts).catch(() => ask(texts));
        let at = 0;
        for (const { texts, resolve } of batch) {
          resolve(counts.slice(at, at + texts.length));
          at += texts.length;
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    busy = false;
  };

  const count = (texts: readonly string[]): Promise<readonly number[]> =>
    new Promise((resolve, reject) => {
      queue.push({ texts, resolve, reject });
      void work();
    });

  return async (texts) => {
    const [only = ""] = texts;
    if (texts.length !== 1 || only.length > KNOWN_CHARACTERS) return count(texts);
    const found = known.get(only);
    if (found !== undefined) return [found];
    const [tokens = 0] = await count(texts);
    if (known.size >= KNOWN_TEXTS) known.clear();
    known.set(only, tokens);
    return [tokens];
  };
}

/** Short values repeat (counts, flags, `null`): their tokens are remembered, which saves the way to the worker. */
const KNOWN_CHARACTERS = 64;
const KNOWN_TEXTS = 2_000;
