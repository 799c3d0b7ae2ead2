import { expect, test, vi } from "vitest";
import { startCollector } from "../../src/sessions/collector.ts";

test("collects at once and then in intervals, until it is closed", async () => {
  vi.useFakeTimers();
  try {
    const collect = vi.fn(async () => {});
    const collector = startCollector({ collect, backend: {}, everyMs: 100 });
    await vi.advanceTimersByTimeAsync(250);
    expect(collect).toHaveBeenCalledTimes(3);
    await collector[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(collect).toHaveBeenCalledTimes(3);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("goes on after a collection that failed, and says so", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const again = Promise.withResolvers<void>();
  let calls = 0;
  await using _collector = startCollector({
    async collect() {
      calls += 1;
      if (calls === 1) throw new Error("The database is away.");
      again.resolve();
    },
    backend: {},
    everyMs: 1,
  });
  await again.promise;
  expect(warn.mock.calls).toEqual([
    ["mcp-optimizer: expired sessions were not collected: The database is away."],
  ]);
  warn.mockRestore();
});

test("leaves it to whoever leads, and ends while it waits for its turn", async () => {
  const collect = vi.fn(async () => {});
  const collector = startCollector({
    collect,
    backend: {
      lead: (_work, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    },
    everyMs: 1,
  });
  await collector[Symbol.asyncDispose]();
  expect(collect).not.toHaveBeenCalled();
});
