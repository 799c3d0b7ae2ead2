import { parseFrozenRun } from "../../src/protocol/frozen-run.ts";
import { type GuestPort, HELD } from "../../src/protocol/guest-protocol.ts";
import { quickjs } from "../../src/sandbox/browser/quickjs.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { openIndexedStore } from "../suites/indexed-store.ts";

/** Milliseconds and bytes of each repetition. */
export interface FreezingResults {
  /** From the moment that the last call is held until the run lies in IndexedDB. */
  readonly store: readonly number[];
  /** The part of it before the store. */
  readonly freeze: readonly number[];
  /** From the moment that the run is read from IndexedDB until its program makes its next call. */
  readonly restore: readonly number[];
  readonly bytes: readonly number[];
}

const OBJECTS = 1_000;

/** A small heap, and a call that waits for a decision. */
const CODE = `
const rows = Array.from({ length: ${OBJECTS} }, (_, n) => ({ n, service: "service-" + (n % 17), ms: (n * 7919) % 1009 }));
const answer = await tools.page.ask({});
await tools.page.next({});
return rows.length;`;

const ROUNDS = 30;

/** Freezes, stores and restores one program after another. */
export async function runFreezingBenchmark(): Promise<FreezingResults> {
  await using sandbox = quickjs();
  const store = await openIndexedStore("bench-freezing");
  const results = { store: [], freeze: [], restore: [], bytes: [] } satisfies Record<string, number[]>;
  const samples: Record<keyof FreezingResults, number[]> = results;
  for (let round = -3; round < ROUNDS; round += 1) {
    await using session = sandbox.open("bench", resolveLimits());
    const { signal } = new AbortController();
    let began = 0;
    let goesOn = 0;
    const port: GuestPort = {
      namespaces: ["page"],
      log: () => {},
      notice: () => {},
      async call({ target }) {
        if (target === "page.ask") {
          began = performance.now();
          return HELD;
        }
        goesOn = performance.now();
        return { ok: true, json: "1" };
      },
    };
    const program = { language: "javascript", code: CODE, inputs: "{}" } as const;
    const outcome = await session.run(program, port, signal);
    if (outcome.status !== "suspended") throw new Error(JSON.stringify(outcome));
    const frozen = performance.now();
    await store.put(outcome.frozen);
    const stored = performance.now();
    const read = parseFrozenRun(await store.get());
    const started = performance.now();
    const replies = [{ id: 1, ok: true, json: "1" }] as const;
    const end = await session.resume?.(read, port, signal, { replies });
    if (end?.status !== "returned" || end.json !== `${OBJECTS}`) throw new Error(JSON.stringify(end));
    if (round < 0) continue;
    samples.freeze.push(frozen - began);
    samples.store.push(stored - began);
    samples.restore.push(goesOn - started);
    samples.bytes.push(read.snapshot.length);
  }
  store.close();
  return results;
}
