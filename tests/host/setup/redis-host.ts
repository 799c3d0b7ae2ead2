// A host in a process of its own: does what its parent says, over one Redis, and tells what came of it.

import { createContextStore } from "../../../src/context/context-store.ts";
import { redis } from "../../../src/host/context/redis.ts";

export interface HostTask {
  readonly type: "hammer" | "lead";
  readonly url: string;
  readonly prefix: string;
  /** Of writing: each lane's, or the leader's at most. */
  readonly rounds: number;
}

export interface HammerReport {
  readonly acknowledged: number;
  readonly errors: readonly string[];
}

process.once("message", (task: HostTask) => {
  void (task.type === "hammer" ? hammer(task) : lead(task)).then((report) =>
    process.send?.(report, () => process.disconnect()),
  );
});
process.send?.("ready");

/** Adds one to a count that others add to, in several lanes, and writes values of its own. */
async function hammer({ url, prefix, rounds }: HostTask): Promise<HammerReport> {
  await using backend = redis({ url, prefix, timeoutMs: 30_000 });
  await using store = createContextStore(backend);
  const context = store.open({ session: "shared" });
  const errors: string[] = [];
  let acknowledged = 0;
  const lane = async (name: string): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      try {
        await context.update("count", (value) => String(Number(value ?? 0) + 1));
        acknowledged += 1;
        await context.set(name, String(round));
        if ((await context.get(name)) !== String(round)) errors.push("A value of ours is another.");
      } catch (error) {
        errors.push(String(error));
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map((number) => lane(`${process.pid}-${number}`)));
  return { acknowledged, errors };
}

/** Leads, and writes as long as it may. Resolves with what ended it. */
async function lead({ url, prefix, rounds }: HostTask): Promise<readonly string[]> {
  await using backend = redis({ url, prefix, leaseMs: 600 });
  const closing = new AbortController();
  const said: string[] = [];
  await backend.lead?.(async () => {
    // It never looks at whether it still leads: what it writes has to be refused all the same.
    for (let round = 0; round < rounds; round += 1) {
      try {
        await backend.change(["by"], () => ({ records: new Map([["by", `"child"`]]), result: undefined }));
        if (said.length === 0) process.send?.("leading");
        if (said.at(-1) !== "written") said.push("written");
      } catch (error) {
        said.push(String(Reflect.get(Object(error), "kind")));
        closing.abort();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }, closing.signal);
  return said;
}
