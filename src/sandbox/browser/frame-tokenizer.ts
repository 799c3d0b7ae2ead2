import type { TokenCounter } from "../../base/tokens.ts";
import { type CountCommand, parseCounts } from "../../protocol/count-protocol.ts";
import workerSha256 from "../../runtimes/tokenizer-worker.ts?script&sha256";
import type { FrameWorker, SandboxFrame } from "./frame.ts";
import { openScript, type ShippedAsset } from "./shipped-asset.ts";

const SCRIPT: ShippedAsset = {
  name: "The tokenizer",
  load: () => import("../../runtimes/tokenizer-worker.ts?script"),
  sha256: workerSha256,
};

interface Waiting {
  readonly texts: readonly string[];
  readonly resolve: (counts: readonly number[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** A counter that works in a worker of the frame, started at the first use and again when it died. */
export function createFrameTokenizer(frame: SandboxFrame): TokenCounter {
  const known = new Map<string, number>();
  let worker: Promise<FrameWorker> | undefined;
  let queue: Waiting[] = [];
  let busy = false;

  const open = async (): Promise<FrameWorker> => {
    const current = await worker?.catch(() => undefined);
    if (current?.alive) return current;
    worker = frame.spawn("tokenizer", async () => ({
      source: await openScript(SCRIPT),
      modules: {},
      files: {},
    }));
    return worker;
  };

  /** One message at a time: what is asked meanwhile goes together in the next. */
  const work = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        const texts = batch.flatMap((waiting) => waiting.texts);
        // A worker or frame may die at any time; a value that is waiting to be returned must not go with it.
        const counts = await open()
          .then((current) => ask(current, texts))
          .catch(async () => ask(await open(), texts));
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

function ask(worker: FrameWorker, texts: readonly string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    worker.listen(
      (data) => {
        worker.unlisten();
        try {
          resolve(parseCounts(data, texts.length));
        } catch (error) {
          reject(error);
        }
      },
      (reason) => reject(new Error(reason)),
    );
    worker.send({ type: "count", texts } satisfies CountCommand);
  });
}
