// A budget bounds what goes back to a model. The attacker is a program that wants to say more than that, or that wants
// its count lost.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import {
  type ContextBackend,
  createOptimizer,
  type ModelOutput,
  memory,
  type Optimizer,
} from "../../src/index.ts";

const LIMIT = 2_000;
/** What the last answer may add: how to go on, or the logs of a program that returned nothing. */
const LAST_ANSWER = 900;

const openPage = (context: ContextBackend, sessionTokens: number | undefined): Promise<Optimizer> =>
  createOptimizer({
    context,
    tools: { ping: { call: () => "pong" } },
    ...(sessionTokens === undefined ? {} : { budgets: { sessionTokens } }),
  });

const isAnswer = (output: ModelOutput): boolean =>
  !(output.status === "threw" && output.error.kind === "token_budget_exceeded");

/** Tokens of all answers of a number of runs, so many at a time. */
async function said(optimizers: readonly Optimizer[], code: string, runs: number): Promise<number> {
  let tokens = 0;
  for (let turn = 0; turn < runs; turn += optimizers.length) {
    const outputs = await Promise.all(optimizers.map(({ tool }) => tool.execute({ code })));
    for (const output of outputs) if (isAnswer(output)) tokens += countTokens(JSON.stringify(output));
  }
  return tokens;
}

const PROGRAMS: readonly (readonly [string, string])[] = [
  ["in values", "return 'word '.repeat(5000)"],
  ["in logs", "for (let n = 0; n < 50; n += 1) console.log('word '.repeat(100))"],
  ["in errors", "throw new Error('word '.repeat(5000))"],
  ["in handles", "return Array.from({ length: 10 }, (_, n) => new Uint8Array(1000).fill(n))"],
];

describe("a program that wants to say more than its budget", () => {
  test.for(PROGRAMS)("%s, is ended by it, two runs at a time in two tabs", async ([, code]) => {
    await using context = memory();
    await using one = await openPage(context, LIMIT);
    await using two = await openPage(context, LIMIT);
    const tokens = await said([one, two], code, 40);
    expect(tokens).toBeGreaterThan(LIMIT / 2);
    expect(tokens).toBeLessThan(LIMIT + 2 * LAST_ANSWER);
  });

  test("control: without a budget it says more", async () => {
    await using context = memory();
    await using one = await openPage(context, undefined);
    for (const [, code] of PROGRAMS)
      expect(await said([one], code, 40)).toBeGreaterThan(LIMIT + 2 * LAST_ANSWER);
  });

  test("gets no more for a session that it fills, or empties", async () => {
    await using context = memory({ maxSessionBytes: 50_000 });
    await using one = await openPage(context, LIMIT);
    const fill = `
      let size = 50000;
      for (let n = 0; size > 0; ) await context.set("k" + n++, "x".repeat(size)).catch(() => { size = size >> 1; n -= 1; });
      return 'word '.repeat(5000)`;
    const empty = `
      for (const key of [...(await context.keys()), "tokens", "budget/tokens", "../budget/tokens"]) await context.delete(key);
      return 'word '.repeat(5000)`;
    const tokens =
      (await said([one], fill, 4)) + (await said([one], empty, 4)) + (await said([one], fill, 4));
    expect(tokens).toBeLessThan(LIMIT + LAST_ANSWER);
    expect(await one.budgets()).toMatchObject({ session: { limit: LIMIT } });
    expect((await one.budgets()).session?.used).toBe(tokens);
  });
});
