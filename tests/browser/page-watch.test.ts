// What tells the attacks' tests that the page was held, and what large data does to the page.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { createOptimizer, memory, type Optimizer } from "../../src/index.ts";
import { LOADED_MACHINE_MS, watchPage } from "../attacks/setup/page-watch.ts";

test("control: the watch sees a page that is held for longer than the tests accept", async () => {
  const { longestTaskMs, longestPauseMs } = await watchPage(
    () =>
      new Promise<void>((resolve) => {
        setTimeout(() => {
          const end = performance.now() + 2 * LOADED_MACHINE_MS;
          while (performance.now() < end);
          resolve();
        });
      }),
  );
  expect(longestTaskMs).toBeGreaterThan(LOADED_MACHINE_MS);
  expect(longestPauseMs).toBeGreaterThan(LOADED_MACHINE_MS);
});

describe("a page whose program passes much data", () => {
  let optimizer: Optimizer;
  let calls: JsonObject[] = [];
  beforeAll(async () => {
    const call = (args: JsonObject): number => calls.push(args);
    optimizer = await createOptimizer({
      context: memory(),
      limits: { maxMessageBytes: 2 * 1024 * 1024, timeoutMs: 30_000 },
      tools: {
        closed: {
          inputSchema: {
            type: "object",
            properties: { name: { type: "string" } },
            additionalProperties: false,
          },
          call,
        },
        counts: { inputSchema: { type: "object", additionalProperties: { type: "number" } }, call },
        rows: {
          inputSchema: {
            type: "object",
            properties: {
              rows: { type: "array", items: { type: "object", properties: { n: { type: "number" } } } },
            },
          },
          call,
        },
        text: { call: ({ length }) => "x".repeat(Number(length)) },
      },
    });
  });
  afterAll(() => optimizer[Symbol.asyncDispose]());

  const keys = "Object.fromEntries(Array.from({ length: 49_000 }, (_, n) => ['k' + n, n]))";
  const rows = (count: number): string => `{ rows: Array.from({ length: ${count} }, (_, n) => ({ n })) }`;

  test.for([
    {
      what: "a call with 49,000 keys that nobody knows is refused",
      code: `return tools.page.closed(${keys}).catch(({ kind, message }) => [kind, message])`,
      value: ["invalid_arguments", expect.stringContaining("unknown parameter k0; known are name")],
      reaches: 0,
    },
    {
      what: "49,000 keys that fit reach the tool",
      code: `return tools.page.counts(${keys})`,
      value: 1,
      reaches: 1,
    },
    {
      what: "one wrong row of 5,000 is named",
      code: `const args = ${rows(5_000)}; args.rows[4_321].n = "no";
        return tools.page.rows(args).catch(({ kind, message }) => [kind, message])`,
      value: ["invalid_arguments", expect.stringContaining("rows[4321].n must be number, got string")],
      reaches: 0,
    },
    {
      what: "40,000 rows reach the tool",
      code: `return tools.page.rows(${rows(40_000)})`,
      value: 1,
      reaches: 1,
    },
    {
      what: "a text of 1 MB passes in",
      code: 'return tools.page.rows({ text: "x".repeat(1_000_000) })',
      value: 1,
      reaches: 1,
    },
    {
      what: "a text of 1 MB passes out",
      code: "return (await tools.page.text({ length: 1_000_000 })).length",
      value: 1_000_000,
      reaches: 0,
    },
  ])("$what", async ({ code, value, reaches }, { annotate }) => {
    calls = [];
    await optimizer.run({ code: "return tools.page.text({ length: 1 })" });
    const watched = await watchPage(() => optimizer.run({ code }));
    await annotate(`longest task ${Math.round(watched.longestTaskMs)} ms`);
    expect(watched.value).toMatchObject({ status: "returned", value });
    expect(calls).toHaveLength(reaches);
    expect(watched.longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
  });

  test("nothing is sent while a check can't end: the run that waits for it is stopped", async () => {
    const leaving = new AbortController();
    const running = optimizer.run({ code: `return tools.page.counts(${keys})` }, { signal: leaving.signal });
    calls = [];
    leaving.abort();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
    expect(calls).toEqual([]);
    expect(await optimizer.run({ code: `return tools.page.counts(${keys})` })).toMatchObject({ value: 1 });
  });
});
