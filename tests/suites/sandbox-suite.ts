import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import type { Language } from "../../src/protocol/guest-protocol.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { CALL_CASES } from "./sandbox/calls.ts";
import { ENDING_CASES } from "./sandbox/endings.ts";
import { FREEZING_CASES } from "./sandbox/freezing.ts";
import { GLOBAL_CASES } from "./sandbox/globals.ts";
import { ISOLATION_CASES } from "./sandbox/isolation.ts";
import { KEPT_GLOBALS_CASES } from "./sandbox/kept-globals.ts";
import { LIMIT_CASES } from "./sandbox/limits.ts";
import { LOG_CASES } from "./sandbox/logs.ts";
import { OPENING_CASES } from "./sandbox/opening.ts";
import { POSITION_CASES } from "./sandbox/positions.ts";
import { PYTHON_CALL_CASES } from "./sandbox/python-calls.ts";
import { PYTHON_LANGUAGE_CASES } from "./sandbox/python-language.ts";
import { PYTHON_LIMIT_CASES } from "./sandbox/python-limits.ts";
import { PYTHON_VALUE_CASES } from "./sandbox/python-values.ts";
import { TYPESCRIPT_CASES } from "./sandbox/typescript.ts";
import { VALUE_CASES } from "./sandbox/values.ts";
import { createPlace, type SandboxCase } from "./sandbox-case.ts";

export interface SandboxSuiteOptions {
  readonly createSandbox: (options: { readonly maxWorkers?: number }) => Sandbox;
  /** Languages that the sandbox must run; its traits must say the same. */
  readonly languages: readonly Language[];
  /** Whether the sandbox must freeze programs; its traits must say the same. Default false. */
  readonly freezes?: boolean;
  /** Whether the sandbox must keep globals; its traits must say the same. Default false. */
  readonly keepsGlobals?: boolean;
  /** Whether to try what a runner does with a language; without them where the same runner is tried elsewhere. Default true. */
  readonly languageCases?: boolean;
  /** Reasons by name of a case that this sandbox does not pass. A case that passes after all fails the suite. */
  readonly skips?: Readonly<Record<string, string>>;
}

/** What a runner does with a language, wherever it runs. */
const LANGUAGE_CASES: readonly SandboxCase[] = [
  ...VALUE_CASES,
  ...TYPESCRIPT_CASES,
  ...POSITION_CASES,
  ...GLOBAL_CASES,
  ...PYTHON_VALUE_CASES,
  ...PYTHON_LANGUAGE_CASES,
];

/** What depends on where it runs. */
const PLACE_CASES: readonly SandboxCase[] = [
  ...LOG_CASES,
  ...CALL_CASES,
  ...OPENING_CASES,
  ...LIMIT_CASES,
  ...ENDING_CASES,
  ...FREEZING_CASES,
  ...KEPT_GLOBALS_CASES,
  ...ISOLATION_CASES,
  ...PYTHON_CALL_CASES,
  ...PYTHON_LIMIT_CASES,
];

const CASES = [...LANGUAGE_CASES, ...PLACE_CASES];

/** Holds a sandbox to what every sandbox does. */
export function sandboxSuite(name: string, options: SandboxSuiteOptions): void {
  const { createSandbox, languages, skips = {} } = options;
  const { freezes: mustFreeze = false, keepsGlobals: mustKeep = false } = options;
  const { languageCases = true } = options;
  const runnable = ({ language }: SandboxCase): boolean => languages.includes(language);
  const cases = (languageCases ? CASES : PLACE_CASES).filter(runnable);
  describe(`sandbox: ${name}`, () => {
    let sandbox: Sandbox;
    beforeAll(async () => {
      sandbox = createSandbox({});
      await sandbox.prepare();
    });
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]();
    });

    test("its traits name the languages that it runs", () => {
      expect([...sandbox.traits.languages].toSorted()).toEqual([...languages].toSorted());
    });

    test("its traits say whether it freezes programs", () => {
      expect(sandbox.traits.freezes).toBe(mustFreeze);
    });

    test("its traits say whether it keeps globals", () => {
      expect(sandbox.traits.keepsGlobals).toBe(mustKeep);
    });

    test("every case has a name of its own, and every skip names a case", () => {
      expect(findStrangers(CASES, CASES.filter(runnable), skips)).toEqual([]);
    });

    for (const { name: caseName, language, freezes, keepsGlobals, run } of cases) {
      test(caseName, (context) => {
        if (freezes !== undefined && freezes !== sandbox.traits.freezes) {
          context.skip(
            `its traits say that it ${sandbox.traits.freezes ? "freezes" : "does not freeze"} programs`,
          );
        }
        if (keepsGlobals !== undefined && keepsGlobals !== sandbox.traits.keepsGlobals) {
          context.skip(
            `its traits say that it ${sandbox.traits.keepsGlobals ? "keeps" : "keeps no"} globals`,
          );
        }
        return runCase(() => run(createPlace(sandbox, language, createSandbox)), skips[caseName], context);
      });
    }
  });
}

/** Names that are used twice, and skips without a case. */
export function findStrangers(
  all: readonly Pick<SandboxCase, "name">[],
  cases: readonly Pick<SandboxCase, "name">[],
  skips: Readonly<Record<string, string>>,
): readonly string[] {
  const names = all.map(({ name }) => name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const used = new Set(cases.map(({ name }) => name));
  return [...twice, ...Object.keys(skips).filter((name) => !used.has(name))];
}

/** Runs a case. One with a reason to be skipped must still fail: else the reason is no longer true. */
export async function runCase(
  run: () => Promise<void>,
  reason: string | undefined,
  context: Pick<TestContext, "skip">,
): Promise<void> {
  if (reason === undefined) return run();
  const failed = await run().then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error(`This case passes: remove its skip (${reason}).`);
  context.skip(reason);
}
