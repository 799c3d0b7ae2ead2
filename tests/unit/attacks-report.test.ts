import { expect, test } from "vitest";
import type { EscapeRecord } from "../attacks/escapes/record.ts";
import { formatReport } from "../attacks/report.mjs";
import type { FileResult } from "../setup/vitest.mjs";

type TestResult = FileResult["tests"][number];

const of = (status: string, line?: EscapeRecord): TestResult => ({
  status,
  fullName: `a test that ${status}`,
  failureMessages: status === "failed" ? ["AssertionError: it was not so\n    at somewhere"] : [],
  meta: line === undefined ? {} : { escape: line },
});

const attack = (id: string, how = "returned"): EscapeRecord => ({
  table: "attacks",
  id,
  covers: ["PUB-NET-01"],
  wants: "out",
  target: "quickjs",
  how,
});

const report = (...tests: readonly TestResult[]): FileResult[] => [
  { file: "a file", status: "passed", tests },
];

const GOOD = [
  of("passed", attack("one")),
  of("skipped", attack("two", "no such thing here")),
  of("passed", { table: "benign", target: "quickjs", does: "computes" }),
  of("passed", { table: "baseline", id: "one", covers: [], target: "a page", tripped: ["network"] }),
  of("passed", {
    table: "controls",
    control: "the policy",
    attack: "out",
    covers: [],
    held: "held",
    without: "still held by the look; without both: fetch",
  }),
  of("passed"),
];

test("every line that a test left is in its table, and the last line counts", () => {
  const { text, failures } = formatReport("Chromium", report(...GOOD));
  expect(failures).toBe(0);
  expect(text.split("\n").map((line) => line.trim().replace(/ {2,}/g, " | "))).toEqual([
    "",
    "ATTACKS in Chromium, by the class of the public corpus",
    "PUB-NET-01",
    "held | one | quickjs | wants out | returned",
    "skipped | two | quickjs | wants out | no such thing here",
    "",
    "THE SAME ATTACKS WHERE NOTHING HOLDS THEM: the detectors that they set off",
    "a page",
    "caught | one | network",
    "",
    "WALLS, EACH SWITCHED OFF BY ITSELF: what the same attack gets",
    "the policy",
    "shown | wants out | with all walls: held | without: still held by the look; without both: fetch",
    "",
    "BENIGN PROGRAMS",
    "quickjs: 1 of 1 work",
    "",
    "Chromium: 1 attacks held, 0 got through, 1 skipped; 1 of 1 benign programs work; 1 caught where nothing holds them, 0 missed, 0 harmless there; 1 of 1 walls shown; 1 other tests passed, 0 failed",
  ]);
});

test("whatever fails is a failure, and says why", () => {
  for (const [at, words] of [
    "GOT THROUGH",
    undefined,
    "DOES NOT WORK",
    "NOT CAUGHT",
    "NOT SHOWN",
    "FAILED",
  ].entries()) {
    if (words === undefined) continue;
    const tests = GOOD.map((one, index) => (index === at ? { ...of("failed"), meta: one.meta } : one));
    // Another attack that is held: something did run.
    const { text, failures } = formatReport("Chromium", report(...tests, of("passed", attack("three"))));
    expect([words, failures]).toEqual([words, 1]);
    expect(text).toContain(words);
    expect(text).toContain("AssertionError: it was not so");
    expect(text).not.toContain("at somewhere");
  }
});

test("a run of nothing is a failure, as is a file that cannot be loaded", () => {
  expect(formatReport("Chromium", report())).toMatchObject({
    text: expect.stringContaining("NOTHING RAN"),
    failures: 1,
  });
  const broken = { file: "a file", status: "failed", message: "no such import", tests: [] };
  const { text, failures } = formatReport("Chromium", [...report(...GOOD), broken]);
  expect(failures).toBe(1);
  expect(text).toContain("FAILED: a file: no such import");
});
