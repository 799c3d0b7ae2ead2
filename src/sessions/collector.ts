import { messageOf } from "../base/errors.ts";
import type { ContextBackend } from "../context/context-backend.ts";

export interface CollectorOptions {
  readonly collect: () => Promise<void>;
  /** Who shares the records: one of them collects. Without `lead` each collects for itself, which does no harm. */
  readonly backend: Pick<ContextBackend, "lead">;
  /** From one collection to the next. Milliseconds, default five minutes. */
  readonly everyMs?: number;
}

/** Collects what has expired, now and then, in one of the tabs that share the records. Disposing it gives way to another. */
export function startCollector({
  collect,
  backend,
  everyMs = 5 * 60_000,
}: CollectorOptions): AsyncDisposable {
  const closing = new AbortController();
  const work = async (leading: AbortSignal): Promise<void> => {
    while (!leading.aborted) {
      // What failed, such as a database that is away, is tried again the next time.
      await collect().catch((error: unknown) => {
        if (!leading.aborted)
          console.warn(`mcp-optimizer: expired sessions were not collected: ${messageOf(error)}`);
      });
      await pause(everyMs, leading);
    }
  };
  const leading = backend.lead === undefined ? work(closing.signal) : backend.lead(work, closing.signal);
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await leading;
    },
  };
}

/** Resolves after this long, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
