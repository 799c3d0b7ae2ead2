import type { ThreadService } from "../thread-service.ts";
import type { FrameWorker, SandboxFrame } from "./frame.ts";
import type { FrameCommand } from "./frame-control.ts";
import { openPacked, openScript, type ShippedAsset } from "./shipped-asset.ts";

/** A worker in the frame. Starts it at the first use, and again when it died. It gets a copy of each of the gzipped `files`. */
export function createFrameService(
  frame: SandboxFrame,
  kind: string,
  script: ShippedAsset,
  files: Readonly<Record<string, ShippedAsset>> = {},
): ThreadService<FrameCommand> {
  let worker: Promise<FrameWorker> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<FrameWorker> => {
    const current = await worker?.catch(() => undefined);
    if (current?.alive) return current;
    worker = frame.spawn(kind, async () => {
      const packing = Object.entries(files).map(
        async ([name, file]) => [name, await openPacked(file)] as const,
      );
      const [source, packed] = await Promise.all([openScript(script), Promise.all(packing)]);
      return { source, modules: {}, files: Object.fromEntries(packed) };
    });
    return worker;
  };

  return {
    prepare: async () => void (await open()),
    ask(command, read, signal) {
      const answer = last.then(async () => {
        signal?.throwIfAborted();
        return askWorker(await open(), command, read, signal);
      });
      last = answer.catch(() => undefined);
      return answer;
    },
    end() {
      worker?.then(
        (current) => current.kill(),
        () => undefined,
      );
      worker = undefined;
    },
  };
}

function askWorker<T>(
  worker: FrameWorker,
  command: FrameCommand,
  read: (data: unknown) => T,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      worker.kill();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    worker.listen(
      (data) => {
        signal?.removeEventListener("abort", abort);
        worker.unlisten();
        try {
          resolve(read(data));
        } catch (error) {
          reject(error);
        }
      },
      (message) => reject(new Error(message)),
    );
    worker.send(command);
  });
}
