/**
 * Does something in one tab of the origin at a time: in whichever has the lock of this name. When that one
 * closes or dies, the browser gives the lock to the next. Without locks every tab does it. Resolves when
 * `work` has, or when `signal` aborted before it began.
 */
export async function leadTabs(
  locks: LockManager | undefined,
  name: string,
  work: (leading: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  if (locks === undefined) return work(signal);
  try {
    // The promise of a lock that is held lasts as long as the work.
    await locks.request(name, { signal }, async () => {
      if (!signal.aborted) await work(signal);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
