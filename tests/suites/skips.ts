import { beforeEach, type TestContext } from "vitest";
import { server } from "vitest/browser";
import type { Differences } from "./differences.ts";

/** The reason that counts in this browser. */
export function reasonHere(differences: Differences = {}): string | undefined {
  const name = server.browser;
  return name === "firefox" || name === "webkit" ? differences[name] : undefined;
}

/** The cases of a suite that differ in this browser, with the reasons. */
export function reasonsHere(cases: Readonly<Record<string, Differences>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(cases).flatMap(([name, differences]) => {
      const reason = reasonHere(differences);
      return reason === undefined ? [] : [[name, reason]];
    }),
  );
}

/** Skips the rest of a test where it differs: for what can't even be tried there. */
export function skipWhere(differences: Differences, context: Pick<TestContext, "skip">): void {
  const reason = reasonHere(differences);
  if (reason !== undefined) context.skip(reason);
}

/** Skips every test of the file, or of the `describe` around it, where it differs. */
export function skipAllWhere(differences: Differences): void {
  beforeEach((context) => skipWhere(differences, context));
}
