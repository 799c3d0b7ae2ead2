import { indexedDb } from "../../../src/context/browser/indexed-db.ts";
import { createContextStore } from "../../../src/context/context-store.ts";

/** What one tab has to do. */
export interface TabTask {
  readonly database: string;
  readonly tab: string;
  readonly forMs: number;
}

/** What came of it. */
export interface TabReport {
  readonly tab: string;
  /** Updates of the shared count that were acknowledged. */
  readonly acknowledged: number;
  /** Values of its own that it wrote and read back. */
  readonly own: number;
  readonly errors: readonly string[];
  readonly health: string;
}

/** Hammers one session for a while over a connection of its own, and tells what was acknowledged and what failed. */
export async function hammer({ database, tab, forMs }: TabTask): Promise<TabReport> {
  await using backend = indexedDb({ name: database });
  await using store = createContextStore(backend);
  const context = store.open({ session: "shared" });
  const end = performance.now() + forMs;
  const errors: string[] = [];
  let acknowledged = 0;
  let own = 0;
  const worker = async (lane: number): Promise<void> => {
    for (let round = 0; performance.now() < end; round += 1) {
      try {
        await context.update("count", (value) => String(Number(value ?? 0) + 1));
        acknowledged += 1;
        await context.set(`${tab}-${lane}`, String(round));
        if ((await context.get(`${tab}-${lane}`)) !== String(round))
          errors.push("a value of ours is another");
        own += 1;
      } catch (error) {
        errors.push(String(error));
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  return { tab, acknowledged, own, errors, health: store.health.state };
}
