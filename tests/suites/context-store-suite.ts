import { describe, expect, test } from "vitest";
import type { ContextBackend } from "../../src/context/context-backend.ts";
import { CONTEXT_LIMIT_CASES } from "./context/limits.ts";
import { CONTEXT_NAME_CASES } from "./context/names.ts";
import { CONTEXT_SHARING_CASES } from "./context/sharing.ts";
import { CONTEXT_TIME_CASES } from "./context/times.ts";
import { CONTEXT_VALUE_CASES } from "./context/values.ts";
import { type ContextCase, createContextPlace } from "./context-case.ts";
import { findStrangers } from "./sandbox-suite.ts";

export interface ContextStoreSuiteOptions {
  /** Makes an empty backend. The suite disposes it. */
  readonly createBackend: () => ContextBackend;
  /** Another backend over the same records, as another tab has it; `undefined` where there is none. */
  readonly reopen?: (backend: ContextBackend) => ContextBackend;
}

export const CONTEXT_CASES: readonly ContextCase[] = [
  ...CONTEXT_VALUE_CASES,
  ...CONTEXT_NAME_CASES,
  ...CONTEXT_TIME_CASES,
  ...CONTEXT_LIMIT_CASES,
  ...CONTEXT_SHARING_CASES,
];

/** Holds a backend to what every context store does over it. */
export function contextStoreSuite(name: string, options: ContextStoreSuiteOptions): void {
  describe(`context store: ${name}`, () => {
    test("every case has a name of its own", () => {
      expect(findStrangers(CONTEXT_CASES, CONTEXT_CASES, {})).toEqual([]);
    });

    for (const { name: caseName, run } of CONTEXT_CASES) {
      test(caseName, async () => {
        await using place = createContextPlace(options);
        await run(place);
      });
    }
  });
}
