import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostSandbox } from "../../../src/host/sandbox/host-sandbox.ts";
import { resolveLimits } from "../../../src/sandbox/limits.ts";
import { recordingPort } from "../../suites/recording-port.ts";
import { BENIGN_HOST_PROGRAMS } from "./benign-host-programs.ts";
import { type HostCase, INERT } from "./host-case.ts";
import { type HostTarget, openHostTarget } from "./host-target.ts";
import { tryHostAttack } from "./host-trial.ts";
import { JAVASCRIPT_HOST_CASES } from "./javascript-host-cases.ts";
import { PYTHON_HOST_CASES } from "./python-host-cases.ts";

export const HOST_CASES: readonly HostCase[] = [...PYTHON_HOST_CASES, ...JAVASCRIPT_HOST_CASES];

export interface HostSuite {
  readonly name: string;
  /** Opens what is attacked, with the limits of `ATTACKED_LIMITS`. */
  readonly open: () => HostSandbox;
  /** Why there is none on this machine; empty where there is. */
  readonly missing: string;
  /** Attacks that it does not promise to hold, and what benign programs do that it can't, with the reason. */
  readonly skips?: Readonly<Record<string, string>>;
}

/** Tries every attack in one sandbox: none may set off a detector, and benign programs must work. */
export function hostAttackSuite({ name, open, missing, skips = {} }: HostSuite): void {
  describe.skipIf(missing !== "")(`${name}${missing && ` (${missing})`}`, () => {
    let target: HostTarget;
    let sandbox: HostSandbox;
    beforeAll(async () => {
      target = await openHostTarget();
      sandbox = open();
      await sandbox.prepare();
    }, 300_000);
    afterAll(async () => {
      await sandbox?.[Symbol.asyncDispose]();
      await target?.[Symbol.asyncDispose]();
    });

    for (const { does, language, code, value, logs = [] } of BENIGN_HOST_PROGRAMS) {
      test(`benign: ${language} ${does}`, async (context) => {
        if (!sandbox.traits.languages.includes(language)) context.skip(`it runs no ${language}`);
        const { [does]: reason } = skips;
        const port = recordingPort();
        await using session = sandbox.open("benign", resolveLimits({}));
        const outcome = await session.run(
          { language, code, inputs: "{}" },
          port,
          new AbortController().signal,
        );
        if (reason !== undefined) {
          expect(outcome.status, `it works after all: remove the skip (${reason})`).not.toBe("returned");
          context.skip(reason);
        }
        expect(outcome).toMatchObject({ status: "returned" });
        expect(outcome.status === "returned" && JSON.parse(outcome.json)).toEqual(value);
        expect(port.logs.map(({ text }) => text)).toEqual(logs);
      });
    }

    for (const one of HOST_CASES) {
      test(`${one.id}: wants ${one.wants}`, async (context) => {
        if (!sandbox.traits.languages.includes(one.language)) context.skip(`it runs no ${one.language}`);
        const { [one.id]: reason } = skips;
        const { end, found, output } = await tryHostAttack(sandbox, one, target);
        await context.annotate(`${end} ${output.slice(0, 500)}`);
        if (reason === undefined) {
          expect(found).toEqual({});
          expect(end).toMatch(one.ends ?? INERT);
        } else {
          expect(found, `it holds after all: remove the skip (${reason})`).not.toEqual({});
          context.skip(reason);
        }
      });
    }
  });
}
