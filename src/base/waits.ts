/** Waits, or returns early when `signal` aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Waits for `work`, but rejects with the signal's reason when that comes first; `work` is then left to its own end. */
export async function settleBefore<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** How often the work of `coalesce` runs at most. */
export interface CoalesceOptions {
  /** From the first request to the work: the rest of a burst falls into it. */
  readonly soonMs: number;
  /** From one run to the next, while requests keep coming. */
  readonly againMs: number;
  readonly signal: AbortSignal;
}

/** Makes a function that asks for `work`: a burst of requests leads to one run, a flood to one in each interval. `work` must not reject. */
export function coalesce(work: () => Promise<void>, options: CoalesceOptions): () => void {
  let wanted = false;
  let running = false;
  const run = async () => {
    running = true;
    await pause(options.soonMs, options.signal);
    while (wanted && !options.signal.aborted) {
      wanted = false;
      await work();
      await pause(options.againMs, options.signal);
    }
    running = false;
  };
  return () => {
    wanted = true;
    if (!running) void run();
  };
}
