import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reasonHere } from "../../suites/skips.ts";
import { type PlantedSecrets, plantSecrets } from "../setup/planted-secrets.ts";
import { type BenignProgram, type EscapeCase, type EscapeTarget, INERT } from "./escape-case.ts";
import type { Executor } from "./executor.ts";
import { record } from "./record.ts";
import { type Trial, tryEscape } from "./trial.ts";

export interface EscapeSuite {
  readonly target: EscapeTarget;
  /** Opens what is attacked. */
  readonly open: (planted: PlantedSecrets) => Promise<Executor>;
  /** At least five, or a dead sandbox could pass. */
  readonly benign: readonly BenignProgram[];
  readonly cases: readonly EscapeCase[];
}

/** Tries every attack on one target: none may set off a detector, and benign programs must work. */
export function escapeSuite({ target, open, benign, cases }: EscapeSuite): void {
  describe(target, () => {
    let planted: PlantedSecrets;
    let executor: Executor;
    const trials: Trial[] = [];
    beforeAll(async () => {
      planted = await plantSecrets();
      executor = await open(planted);
    });
    afterAll(async () => {
      await executor[Symbol.asyncDispose]();
      await planted[Symbol.asyncDispose]();
    });

    for (const one of benign) {
      test(`benign: ${one.does}`, async (context) => {
        record(context, { table: "benign", target, does: one.does });
        await executor.prepare();
        const ended = await executor.run(one.code, { limits: { timeoutMs: 10_000 }, session: "attacker" });
        expect(ended).toMatchObject({ end: "returned", value: one.value });
        if (one.logs !== undefined) expect(ended.logs).toEqual(one.logs);
      });
    }

    for (const one of cases) {
      test(`${one.id}: wants ${one.wants}`, async (context) => {
        const { id, covers, wants, ends = INERT } = one;
        const line = { table: "attacks", id, covers, wants, target } as const;
        const reason = one.skips?.[target] ?? reasonHere(one.differs);
        record(context, { ...line, how: reason ?? "" });
        if (reason !== undefined) return context.skip(reason);
        const trial = await tryEscape(executor, one, planted);
        const { end, ms } = trial.ended;
        const how = `${end} after ${Math.round(ms)} ms, longest task of the page ${Math.round(trial.longestTaskMs)} ms`;
        record(context, { ...line, how });
        await context.annotate(how);
        expect(Object.fromEntries(trial.found)).toEqual({});
        expect(end).toMatch(ends);
        trials.push(trial);
      });
    }

    test("control: there are benign programs enough", () => {
      expect(benign.length).toBeGreaterThanOrEqual(5);
    });

    test("nothing arrived at the listener in the meantime either", async () => {
      expect(await Promise.all(trials.map((trial) => trial.lateHits()))).toEqual(trials.map(() => []));
      expect(trials.length).toBeGreaterThan(0);
    });

    test("benign programs beside attacks get their own values", async () => {
      const limits = { timeoutMs: 400 };
      const attacks = cases
        .slice(0, 4)
        .map(({ code }) => executor.run(code, { limits, session: "attacker" }));
      for (const { code, value } of benign.slice(0, 3)) {
        const ended = await executor.run(code, { limits: { timeoutMs: 20_000 }, session: "attacker" });
        expect(ended).toMatchObject({ end: "returned", value });
      }
      await Promise.all(attacks);
    });
  });
}
