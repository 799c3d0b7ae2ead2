import { expect, test } from "vitest";
import { createFlags, type Flags } from "../../src/engine/flags.ts";

test("flags have defaults, and change one by one", () => {
  const flags = createFlags();
  const heard: Flags[] = [];
  const stop = flags.onChange((now) => heard.push(now));
  expect(flags.current).toEqual({
    executionMode: "hybrid",
    enableSandbox: true,
    enableCaching: true,
    enableMetrics: true,
    maxTokensPerRequest: 1_000,
  });
  flags.set({ executionMode: "mcp_only" });
  flags.set({ maxTokensPerRequest: 16 });
  const expected = {
    executionMode: "mcp_only",
    enableSandbox: true,
    enableCaching: true,
    enableMetrics: true,
    maxTokensPerRequest: 16,
  };
  expect(flags.current).toEqual(expected);
  expect(heard).toEqual([{ ...expected, maxTokensPerRequest: 1_000 }, expected]);
  stop();
  flags.set({ enableSandbox: false });
  expect(heard).toHaveLength(2);
});

test.each<Partial<Record<keyof Flags, unknown>>>([
  { executionMode: "classic" },
  { enableSandbox: "no" },
  { enableCaching: 1 },
  { enableMetrics: "yes" },
  { maxTokensPerRequest: 15 },
  { maxTokensPerRequest: 16.5 },
  { maxTokensPerRequest: Number.NaN },
  { maxTokensPerRequest: Number.POSITIVE_INFINITY },
  { maxTokensPerRequest: -1 },
])("a value that makes no sense changes nothing: %j", (wrong) => {
  const flags = createFlags();
  const before = flags.current;
  const refusal = expect.objectContaining({ code: 400, kind: "invalid_flags" });
  expect(() =>
    flags.set({ enableSandbox: false, enableCaching: false, ...(wrong as Partial<Flags>) }),
  ).toThrow(refusal);
  expect(flags.current).toBe(before);
  expect(() => createFlags(wrong as Partial<Flags>)).toThrow(refusal);
});
