// The suite of the unsafe baseline: each attack must set off the detectors that it is known by there.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PlantedSecrets, plantSecrets } from "../setup/planted-secrets.ts";
import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import type { Detector, EscapeCase } from "./escape-case.ts";
import type { EscapeLanguage } from "./executor.ts";
import { record } from "./record.ts";
import { type Trial, tryEscape } from "./trial.ts";
import { openUnsafe, openUnsafeDocument, type UnsafeBaseline } from "./unsafe-baseline.ts";

/** Detectors after which the worker is of no use any more. */
const TAKES_THE_WORKER: readonly Detector[] = ["no_end", "next_run", "late_calls", "errors"];

/** Tries the attacks where nothing holds them. One that can do no harm there is skipped, with its reason. */
export function unsafeSuite(language: EscapeLanguage, cases: readonly EscapeCase[]): void {
  describe(`control: ${language} in the unsafe baseline`, () => {
    let planted: PlantedSecrets;
    let unsafe: UnsafeBaseline;
    beforeAll(async () => {
      planted = await plantSecrets();
      unsafe = await openUnsafe(language, planted);
    });
    afterAll(async () => {
      await unsafe[Symbol.asyncDispose]();
      await planted[Symbol.asyncDispose]();
    });

    test.for(BENIGN_PROGRAMS[language])("benign: $does", async ({ code, value }) => {
      const ended = await unsafe.run(code, { limits: { timeoutMs: 10_000 }, session: "benign" });
      expect(ended).toMatchObject({ end: "returned", value });
    });

    for (const one of cases) {
      const { id, covers, trips, realm = "worker" } = one;
      test(id, async (context) => {
        const line = {
          table: "baseline",
          id,
          covers,
          target: `${language} in a ${realm} of the page`,
        } as const;
        record(context, { ...line, tripped: [] });
        if (typeof trips === "string") return context.skip(trips);
        const trial = await attackUnsafe(unsafe, one, planted);
        const tripped = [...trial.found.keys()];
        record(context, { ...line, tripped });
        await context.annotate(tripped.join());
        expect(tripped).toEqual(expect.arrayContaining([...trips]));
      });
    }
  });
}

async function attackUnsafe(
  unsafe: UnsafeBaseline,
  one: EscapeCase,
  planted: PlantedSecrets,
): Promise<Trial> {
  const waitFor = typeof one.trips === "string" ? [] : one.trips;
  if (one.realm === "document") return tryEscape(openUnsafeDocument(), one, planted, waitFor);
  const trial = await tryEscape(unsafe, one, planted, waitFor);
  if (TAKES_THE_WORKER.some((detector) => trial.found.has(detector))) await unsafe.renew();
  return trial;
}
