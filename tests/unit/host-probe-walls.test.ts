import { expect, test } from "vitest";
import { probeWalls, type RunInPlace } from "../../src/host/sandbox/probe-walls.ts";

/** A place in which a process starts only with so much processor time, and every try ends its program. */
function slowPlace(startSeconds: number): { readonly run: RunInPlace; readonly seconds: Set<number> } {
  const seconds = new Set<number>();
  const run: RunInPlace = async (code, { cpuSeconds }) => {
    if (cpuSeconds < startSeconds) throw new Error("The process was not ready.");
    if (code === "1 + 1") return { status: "returned", json: "2", peakMemoryBytes: 0 };
    seconds.add(cpuSeconds);
    return { status: "stopped", reason: "crashed", message: "It ended.", peakMemoryBytes: 0 };
  };
  return { run, seconds };
}

test("where a process takes long to start, the end of its processor time is tried with more of it", async () => {
  const quick = slowPlace(1);
  const slow = slowPlace(5);
  const checks = await probeWalls(quick.run);
  expect(await probeWalls(slow.run)).toEqual(checks);
  expect(checks.find(({ wall }) => wall === "cpuSeconds")).toMatchObject({ held: true });
  expect(Math.min(...slow.seconds)).toBeGreaterThan(Math.min(...quick.seconds));
});

test("a place in which nothing starts is none", async () => {
  await expect(probeWalls(slowPlace(3_600).run)).rejects.toThrow("The process was not ready.");
});
