import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { createCatalog } from "../../src/tools/catalog.ts";
import { type Description, describeTools } from "../../src/tools/describe.ts";
import type { SignatureLanguage } from "../../src/tools/outside-text.ts";
import type { ToolDefinition } from "../../src/tools/tool.ts";
import { HAS_CATALOGS, realCatalogs } from "./fixtures/catalogs.ts";
import { NASTY_TOOLS } from "./fixtures/nasty-tools.ts";
import { hasPython, pythonErrors, typescriptError } from "./fixtures/parse-signatures.ts";
import { randomSchema, seededRandom } from "./fixtures/random-schema.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

/** Every signature of a collection must parse and stay within each of these budgets, in both languages. */
const BUDGETS = [40, 60, 200, 800, Number.POSITIVE_INFINITY] as const;
const NO_SPECIAL_TOKENS = { disallowedSpecial: new Set<string>() };

function count(texts: readonly string[]): Promise<readonly number[]> {
  return Promise.resolve(texts.map((text) => countTokens(text, NO_SPECIAL_TOKENS)));
}

interface Failure {
  readonly ref: string;
  readonly maxTokens: number;
  readonly problem: string;
}

/** What is wrong with the signatures of all tools, one by one: parse errors and budgets that were passed. */
async function failuresOf(
  servers: ReadonlyMap<string, readonly ToolDefinition[]>,
  language: SignatureLanguage,
): Promise<readonly Failure[]> {
  using catalog = createCatalog([...servers].map(([id, tools]) => fakeSource(id, tools)));
  const described: { readonly ref: string; readonly maxTokens: number; readonly result: Description }[] = [];
  for (const tool of catalog.tools) {
    for (const maxTokens of BUDGETS) {
      described.push({
        ref: tool.ref,
        maxTokens,
        result: await describeTools([tool], { language, maxTokens, countTokens: count }),
      });
    }
  }
  const texts = described.map(({ result }) => result.text);
  const errors = language === "python" ? pythonErrors(texts) : texts.map(typescriptError);
  return described.flatMap(({ ref, maxTokens, result }, at) => {
    const problem = errors[at] ?? undefined;
    const tokens = countTokens(result.text, NO_SPECIAL_TOKENS);
    if (problem !== undefined)
      return [{ ref, maxTokens, problem: `${problem}\n${result.text.slice(0, 2_000)}` }];
    if (tokens > maxTokens || tokens !== result.tokens)
      return [{ ref, maxTokens, problem: `${tokens} tokens` }];
    return result.text === "" && maxTokens > 100 ? [{ ref, maxTokens, problem: "empty" }] : [];
  });
}

const random = seededRandom(20_261_122);
const RANDOM_TOOLS: readonly ToolDefinition[] = JSON.parse(
  JSON.stringify(
    Array.from({ length: 400 }, (_, at) => ({
      name: `random_${at}`,
      inputSchema: randomSchema(random),
      outputSchema: randomSchema(random),
    })),
  ),
);

const COLLECTIONS = [
  [
    "our nasty tools",
    new Map([
      ["nasty", NASTY_TOOLS],
      ["class", NASTY_TOOLS.slice(0, 3)],
    ]),
    true,
  ],
  ["400 random tools", new Map([["random", RANDOM_TOOLS]]), true],
  ["the catalogs of real servers in ../shared/data", HAS_CATALOGS ? realCatalogs() : new Map(), HAS_CATALOGS],
] as const;

describe.each(COLLECTIONS)("signatures of %s", (_, servers, present) => {
  test.skipIf(!present)(
    "parse as TypeScript within every budget (skipped where the folder is missing)",
    { timeout: 180_000 },
    async () => {
      expect(await failuresOf(servers, "typescript")).toEqual([]);
    },
  );

  test.skipIf(!present || !hasPython())(
    "parse as Python within every budget (skipped where folder or python3 is missing)",
    { timeout: 180_000 },
    async () => {
      expect(await failuresOf(servers, "python")).toEqual([]);
    },
  );
});

describe("the gate itself", () => {
  test("sees a broken TypeScript signature", () => {
    expect(
      typescriptError("declare namespace tools.a { function b(args: { x-y: string }): unknown; }"),
    ).toContain("Expected");
    expect(
      typescriptError("declare namespace tools.a { /** a */ b(); /* */ function c(): unknown; }"),
    ).toBeDefined();
  });

  test.skipIf(!hasPython())("sees a broken Python signature", () => {
    expect(
      pythonErrors([
        "class a:\n    async def b(*, class: str) -> Any: ...",
        "class a:\n    async def b() -> Any: ...",
      ]),
    ).toEqual([expect.stringContaining("SyntaxError"), null]);
  });

  test("sees a signature over its budget", async () => {
    const tools = new Map([["a", [{ name: "b", description: "word ".repeat(50) }]]]);
    const flattering = (texts: readonly string[]): Promise<readonly number[]> =>
      Promise.resolve(texts.map(() => 1));
    using catalog = createCatalog([...tools].map(([id, list]) => fakeSource(id, list)));
    const { text, tokens } = await describeTools(catalog.tools, {
      language: "python",
      maxTokens: 10,
      countTokens: flattering,
    });
    expect([tokens, countTokens(text) > 10]).toEqual([1, true]);
    expect(await failuresOf(tools, "python")).toEqual([]);
  });
});
