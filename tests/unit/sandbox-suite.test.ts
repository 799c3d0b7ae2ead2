import { expect, test } from "vitest";
import { findStrangers, runCase } from "../suites/sandbox-suite.ts";

const fails = () => Promise.reject(new Error("it does not hold"));
const passes = () => Promise.resolve();

/** Notes with which reason a case is skipped. */
function context() {
  const skipped: unknown[] = [];
  return { skipped, skip: ((reason: unknown) => skipped.push(reason)) as never };
}

test("a case without a reason to be skipped fails when it fails", async () => {
  await expect(runCase(fails, undefined, context())).rejects.toThrow("it does not hold");
  await runCase(passes, undefined, context());
});

test("a case with a reason is skipped while it fails, and fails once it passes", async () => {
  const here = context();
  await runCase(fails, "no threads", here);
  expect(here.skipped).toEqual(["no threads"]);
  await expect(runCase(passes, "no threads", context())).rejects.toThrow(
    "This case passes: remove its skip (no threads).",
  );
});

test("a skip that names no case, and a name used twice, are found", () => {
  const all = [{ name: "a" }, { name: "b" }, { name: "a" }];
  expect(findStrangers(all, all, { b: "why", c: "why" })).toEqual(["a", "c"]);
  // A case of a language that the sandbox does not run cannot be skipped either.
  expect(findStrangers([{ name: "a" }, { name: "b" }], [{ name: "a" }], { b: "why" })).toEqual(["b"]);
});
