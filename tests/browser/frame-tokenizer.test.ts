import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { createFrameTokenizer } from "../../src/sandbox/browser/frame-tokenizer.ts";

const TEXTS = ["", "42", '{"a":[1,2,3]}', "Zwölf große Boxkämpfer jagen Viktor 🥊", "x".repeat(500)];

test("counts as the tokenizer does, several at once and one by one", async () => {
  await using frame = new SandboxFrame();
  const count = createFrameTokenizer(frame);
  const expected = TEXTS.map((text) => countTokens(text));
  expect(await count(TEXTS)).toEqual(expected);
  expect(await Promise.all(TEXTS.map(async (text) => (await count([text]))[0]))).toEqual(expected);
  // The second time short texts are remembered.
  expect(await Promise.all(TEXTS.map(async (text) => (await count([text]))[0]))).toEqual(expected);
});

test("counts on when its frame is gone", { timeout: 30_000 }, async () => {
  await using frame = new SandboxFrame();
  const count = createFrameTokenizer(frame);
  await count(["ready"]);
  document.querySelector('iframe[title="MCP Optimizer sandbox"]')?.remove();
  expect(await count(["a text that nobody has counted"])).toEqual([
    countTokens("a text that nobody has counted"),
  ]);
});
