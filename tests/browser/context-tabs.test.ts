import { expect, inject, test } from "vitest";
import { indexedDb } from "../../src/context/browser/indexed-db.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { hammer } from "./setup/context-hammer.ts";
import { hammerInFrame, hammerInWorker } from "./setup/context-tabs.ts";

const hammerMs = inject("contextHammerMs");

test(
  "three tabs hammer one session: no update is lost, and none fails",
  async ({ annotate }) => {
    const database = `tabs-${performance.timeOrigin}`;
    const task = { database, forMs: hammerMs };
    const reports = await Promise.all([
      hammer({ ...task, tab: "page" }),
      hammerInWorker({ ...task, tab: "worker" }),
      hammerInFrame({ ...task, tab: "frame" }),
    ]);
    const acknowledged = reports.reduce((sum, report) => sum + report.acknowledged, 0);
    await annotate(`${acknowledged} updates in ${hammerMs} ms: ${reports.map((one) => one.acknowledged)}`);
    expect(reports.map(({ errors, health }) => ({ errors, health }))).toEqual(
      reports.map(() => ({ errors: [], health: "durable" })),
    );
    for (const { acknowledged: updates, own } of reports) expect(Math.min(updates, own)).toBeGreaterThan(10);
    await using backend = indexedDb({ name: database });
    await using store = createContextStore(backend);
    expect(await store.open({ session: "shared" }).get("count")).toBe(String(acknowledged));
  },
  hammerMs + 60_000,
);
