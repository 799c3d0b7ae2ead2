import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { countBounded } from "../../src/base/bounded-count.ts";

const count = (text: string) => countTokens(text, { disallowedSpecial: new Set<string>() });
const never = Number.POSITIVE_INFINITY;

test("counts what programs return exactly", () => {
  const rows = Array.from({ length: 400 }, (_, id) => ({
    id,
    title: `Can't open \u201cthe file\u201d ${id}`,
    labels: ["bug", "área", "漢字かな", "👩‍💻"],
    hash: btoa(`${id * 7919}abcdef${id}`),
    at: new Date(id * 1e9).toISOString(),
    ratio: id / 7,
  }));
  const prose = "It's what they've said, isn't it? <|endoftext|> Über die Straße…\n\n\tnext: 1234567 ".repeat(
    200,
  );
  for (const text of ["", "a", JSON.stringify(rows), JSON.stringify(rows, null, 2), prose]) {
    expect(countBounded(text, count, never)).toBe(count(text));
  }
});

test("counts a megabyte without a boundary in seconds, never too low", () => {
  for (const run of ["a", " ", "[],", "漢", "👾", "\n"]) {
    const text = run.repeat(1e6 / run.length);
    const started = performance.now();
    const tokens = countBounded(text, count, started + 300);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(tokens).toBeGreaterThanOrEqual(1e6 / 128);
  }
});

test("takes what is left at the deadline for one token a byte", () => {
  let calls = 0;
  const text = "x".repeat(10_000);
  expect(
    countBounded(
      text,
      () => 1,
      0,
      () => calls++,
    ),
  ).toBe(2 + (10_000 - 2_048));
});
