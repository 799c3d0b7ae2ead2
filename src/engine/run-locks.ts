/** Tells live runs from those whose tab is gone. */
export interface RunLocks {
  /** Resolves when the run is known as live; the returned function ends that. It ends by itself with the tab. */
  hold(token: string): Promise<() => void>;
  /** Whether some tab carries this run out now. */
  isHeld(token: string): Promise<boolean>;
}

/** By Web Locks, which every tab of the origin sees. Without them no run is known as live. */
export function createRunLocks(locks: LockManager | undefined = globalThis.navigator?.locks): RunLocks {
  const nameOf = (token: string): string => `mcp-optimizer/run/${token}`;
  return {
    async hold(token) {
      if (locks === undefined) return () => {};
      const held = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      locks
        .request(nameOf(token), () => {
          held.resolve();
          return released.promise;
        })
        // A page that may not lock runs all the same.
        .catch(() => held.resolve());
      await held.promise;
      return () => released.resolve();
    },
    async isHeld(token) {
      const name = nameOf(token);
      const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
      return held.some((lock) => lock.name === name);
    },
  };
}
