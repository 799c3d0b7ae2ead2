// Control: attacks where nothing holds them. Each must set off the detectors that it is known by.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PlantedSecrets, plantSecrets } from "../setup/planted-secrets.ts";
import type { BenignProgram, Detector, EscapeCase } from "./escape-case.ts";
import type { Executor } from "./executor.ts";
import { record } from "./record.ts";
import { type Trial, tryEscape } from "./trial.ts";
import { openUnsafeDocument } from "./unsafe-document.ts";

/** What has no walls; `renew` is called when an attack has taken its worker. */
export interface UnsafeExecutor extends Executor {
  renew(): Promise<void>;
}

export interface UnsafeSuite {
  /** Names it in the table. */
  readonly target: string;
  readonly open: (planted: PlantedSecrets) => Promise<UnsafeExecutor>;
  readonly benign: readonly BenignProgram[];
  readonly cases: readonly EscapeCase[];
  /** A program may take its worker with it before it could say what it got: then no end is enough. */
  readonly mayDie: boolean;
}

/** Detectors after which the worker is of no use any more. */
const TAKES_THE_WORKER: readonly Detector[] = ["no_end", "next_run", "late_calls", "errors", "page"];

/** Tries the attacks where nothing holds them. One that can do no harm there is skipped, with its reason. */
export function unsafeSuite({ target, open, benign, cases, mayDie }: UnsafeSuite): void {
  describe(`control: ${target}`, () => {
    let planted: PlantedSecrets;
    let unsafe: UnsafeExecutor;
    beforeAll(async () => {
      planted = await plantSecrets();
      unsafe = await open(planted);
    });
    afterAll(async () => {
      await unsafe[Symbol.asyncDispose]();
      await planted[Symbol.asyncDispose]();
    });

    test.for(benign)("benign: $does", async ({ does, code, value }, context) => {
      record(context, { table: "benign", target, does });
      const ended = await unsafe.run(code, { limits: { timeoutMs: 10_000 }, session: "attacker" });
      expect(ended.end).toBe("returned");
      expect(JSON.parse(JSON.stringify(ended.value))).toEqual(value);
    });

    for (const one of cases) {
      const { id, covers, trips, realm } = one;
      test(id, async (context) => {
        const line = {
          table: "baseline",
          id,
          covers,
          target: realm === "document" ? "a document like our frame's" : target,
        } as const;
        if (typeof trips === "string") {
          record(context, { ...line, tripped: [], harmless: trips });
          return context.skip(trips);
        }
        record(context, { ...line, tripped: [] });
        const trial = await attackUnsafe(unsafe, one, planted, trips);
        const tripped = [...trial.found.keys()];
        record(context, { ...line, tripped });
        await context.annotate(tripped.join());
        if (mayDie && tripped.includes("no_end")) return;
        expect(tripped).toEqual(expect.arrayContaining([...trips]));
      });
    }
  });
}

async function attackUnsafe(
  unsafe: UnsafeExecutor,
  one: EscapeCase,
  planted: PlantedSecrets,
  waitFor: readonly Detector[],
): Promise<Trial> {
  if (one.realm === "document") return tryEscape(openUnsafeDocument(), one, planted, waitFor);
  const trial = await tryEscape(unsafe, one, planted, waitFor);
  if (TAKES_THE_WORKER.some((detector) => trial.found.has(detector))) await unsafe.renew();
  return trial;
}
