import { expect, test } from "vitest";
import { createThreadTokenizer } from "../../src/host/thread-tokenizer.ts";

test("the host counts as the page does, beside its thread", async () => {
  using tokenizer = createThreadTokenizer();
  const text = "tokens are counted beside the thread that serves ".repeat(20_000);
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const counts = await tokenizer.countTokens(["", "hello world", "<|endoftext|>", text]);
  clearInterval(timer);
  expect(counts.slice(0, 3)).toEqual([0, 2, 7]);
  expect(counts[3]).toBe(160_001);
  expect(turns).toBeGreaterThan(5);
});
