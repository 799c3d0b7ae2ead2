/** What the page's own thread went through while something ran. */
export interface PageWatch {
  /**
   * Longest task of the page's thread, and longest pause between two turns of its event loop. Milliseconds.
   * Only Chromium tells of tasks; elsewhere the longest pause, which no task can hide in, stands for both.
   */
  readonly longestTaskMs: number;
  readonly longestPauseMs: number;
}

/**
 * Longest task of the page's thread that a test accepts. The promise is 50 ms; the durations are wall
 * time, so on a machine with fewer free cores than threads a short task looks longer. Each test notes
 * what it measured.
 */
export const LOADED_MACHINE_MS = 1_000;

const TELLS_TASKS = PerformanceObserver.supportedEntryTypes.includes("longtask");

/** Watches the page's thread while `work` runs. */
export async function watchPage<T>(work: () => Promise<T>): Promise<PageWatch & { readonly value: T }> {
  let longestTaskMs = 0;
  let longestPauseMs = 0;
  let last = performance.now();
  let watching = true;
  const note = (entries: PerformanceEntryList): void => {
    for (const { duration } of entries) longestTaskMs = Math.max(longestTaskMs, duration);
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  if (TELLS_TASKS) observer.observe({ type: "longtask" });
  const { port1, port2 } = new MessageChannel();
  const beat = (): void => {
    const now = performance.now();
    longestPauseMs = Math.max(longestPauseMs, now - last);
    last = now;
    if (watching) setTimeout(() => port2.postMessage(null), 5);
  };
  port1.onmessage = beat;
  beat();
  try {
    const value = await work();
    beat();
    // Long tasks are reported after they ended: one turn later they are here.
    await new Promise((resolve) => setTimeout(resolve, 0));
    note(observer.takeRecords());
    return { value, longestTaskMs: TELLS_TASKS ? longestTaskMs : longestPauseMs, longestPauseMs };
  } finally {
    watching = false;
    observer.disconnect();
    port1.close();
  }
}
