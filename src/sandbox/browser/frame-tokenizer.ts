import type { TokenCounter } from "../../base/tokens.ts";
import { type CountCommand, parseCounts } from "../../protocol/count-protocol.ts";
import type { FrameWorker, SandboxFrame } from "./frame.ts";

interface Waiting {
  readonly texts: readonly string[];
  readonly resolve: (counts: readonly number[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** A counter that works in a worker of the frame, started at the first use and again when it died. */
export function createFrameTokenizer(frame: SandboxFrame): TokenCounter {
  let worker: Promise<FrameWorker> | undefined;
  let queue: Waiting[] = [];
  let busy = false;

  const open = async (): Promise<FrameWorker> => {
    const current = await worker?.catch(() => undefined);
    if (current?.alive) return current;
    worker = frame.spawn("tokenizer", async () => ({
      source: (await import("../../runtimes/tokenizer-worker.ts?script")).default,
      binaries: {},
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
        const counts = await ask(await open(), texts);
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

  return (texts) =>
    new Promise((resolve, reject) => {
      queue.push({ texts, resolve, reject });
      void work();
    });
}

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
    // Each question hands back the credit of the answer before it.
    worker.send({ type: "count", texts, credits: 1 } satisfies CountCommand);
  });
}
