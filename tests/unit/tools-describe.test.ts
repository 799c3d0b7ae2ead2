import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { createCatalog } from "../../src/tools/catalog.ts";
import { type Description, describeTools } from "../../src/tools/describe.ts";
import type { SignatureLanguage } from "../../src/tools/outside-text.ts";
import type { ToolDefinition } from "../../src/tools/tool.ts";
import { HOSTILE_TEXTS } from "./fixtures/nasty-tools.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const LIST_ISSUES: ToolDefinition = {
  name: "list_issues",
  description: "List issues in a repository.",
  inputSchema: {
    type: "object",
    properties: {
      state: { enum: ["open", "closed"], description: "open or closed" },
      owner: { type: "string" },
      "per-page": { type: "integer", minimum: 1, maximum: 100, default: 30 },
    },
    required: ["owner"],
  },
  outputSchema: {
    type: "array",
    items: {
      type: "object",
      properties: { id: { type: "integer" }, title: { type: "string" } },
      required: ["id"],
    },
  },
};

async function written(
  definitions: readonly ToolDefinition[],
  language: SignatureLanguage = "typescript",
  maxTokens = Number.POSITIVE_INFINITY,
): Promise<Description> {
  using catalog = createCatalog([fakeSource("github", definitions)]);
  const count = (texts: readonly string[]): Promise<readonly number[]> =>
    Promise.resolve(texts.map((text) => countTokens(text)));
  return await describeTools(catalog.tools, { language, maxTokens, countTokens: count });
}

async function argumentsText(schema: ToolDefinition["inputSchema"]): Promise<string> {
  const { text } = await written([schema === undefined ? { name: "f" } : { name: "f", inputSchema: schema }]);
  return /f\(([\s\S]*)\): Promise/.exec(text)?.[1] ?? text;
}

describe("describeTools", () => {
  test("writes TypeScript", async () => {
    expect((await written([LIST_ISSUES])).text).toBe(`declare namespace tools.github {
  /** List issues in a repository. */
  function list_issues(args: {
    owner: string;
    /** open or closed */ state?: "open" | "closed";
    /** 1..100, default 30 */ "per-page"?: number;
  }): Promise<{ id: number; title?: string }[]>;
}`);
  });

  test("writes Python", async () => {
    expect((await written([LIST_ISSUES], "python")).text).toBe(`class github:  # tools.github
    # List issues in a repository.
    async def list_issues(
        *,
        owner: str,
        state: Literal["open", "closed"] = ...,  # open or closed
        **kwargs: {"per-page": NotRequired[int]},  # pass as **{"name": value}
    ) -> list[{"id": int, "title": NotRequired[str]}]: ...`);
  });

  test("keeps the required parameters and counts the others when the budget is small", async () => {
    const { text, tokens, omitted } = await written([LIST_ISSUES], "typescript", 30);
    expect(text).toBe(`declare namespace tools.github {
  function list_issues(args: { owner: string; /* +2 optional */ }): Promise<unknown>;
}`);
    expect([tokens, omitted]).toEqual([countTokens(text), []]);
  });

  test("says in `omitted` whose required parameters found no room", async () => {
    expect(await written([LIST_ISSUES], "typescript", 5)).toEqual({
      text: "",
      tokens: 0,
      omitted: ["github.list_issues"],
    });
    const required = Array.from({ length: 60 }, (_, at) => `needed_${at}`);
    const { text, omitted } = await written(
      [{ name: "f", inputSchema: { type: "object", required } }],
      "python",
      40,
    );
    expect([text, omitted]).toEqual([
      "class github:  # tools.github\n    async def f(**kwargs) -> Any: ...  # +60 parameters",
      ["github.f"],
    ]);
  });

  test("shares the budget: a large tool does not starve a small one", async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 200 }, (_, at) => [
        `option_${at}`,
        { type: "string", description: "Some words about it" },
      ]),
    );
    const large: ToolDefinition = {
      name: "large",
      description: "A large tool",
      inputSchema: { type: "object", properties },
    };
    const { text, tokens, omitted } = await written([large, LIST_ISSUES], "typescript", 300);
    expect(text).toContain("/** open or closed */ state?:");
    expect(text).toMatch(/\+188 optional/);
    expect([tokens <= 300, omitted]).toEqual([true, []]);
  });

  test("asks the counter at most a few times", async () => {
    using catalog = createCatalog([
      fakeSource(
        "github",
        Array.from({ length: 20 }, (_, at) => ({ ...LIST_ISSUES, name: `tool_${at}` })),
      ),
    ]);
    let calls = 0;
    const countWords = (texts: readonly string[]): Promise<readonly number[]> => {
      calls += 1;
      return Promise.resolve(texts.map((text) => text.split(/\W+/).length));
    };
    const { tokens, omitted } = await describeTools(catalog.tools, {
      language: "typescript",
      maxTokens: 300,
      countTokens: countWords,
    });
    expect([tokens <= 300, omitted, calls <= 4]).toEqual([true, [], true]);
  });

  test.each(["typescript", "python"] as const)(
    "keeps hostile text of %s inside comments",
    async (language) => {
      const tools = HOSTILE_TEXTS.map((description, at) => ({
        name: `f${at}`,
        description,
        inputSchema: { type: "object", properties: { a: { type: "string", description } } },
      }));
      const { text } = await written(tools, language);
      const code =
        language === "typescript" ? text.replace(/\/\*[\s\S]*?\*\//g, "") : text.replace(/#.*/g, "");
      expect(code.match(/evil|import|exit|alert|Ignore|coding|reversed/g)).toBeNull();
      expect(text.replaceAll("\n", "").match(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)).toBeNull();
    },
  );
});

describe("types of arguments", () => {
  test.each<readonly [string, ToolDefinition["inputSchema"], string]>([
    ["no schema", undefined, "args?: Record<string, unknown>"],
    ["no parameters", { type: "object", properties: {} }, ""],
    ["a required name without a property", { type: "object", required: ["a"] }, "args: { a: unknown }"],
    ["an empty enum", { properties: { a: { type: "string", enum: [] } } }, "args?: { a?: string }"],
    [
      "literals of all kinds",
      { properties: { a: { enum: ["x", 1, true, null] } } },
      'args?: { a?: "x" | 1 | true | null }',
    ],
    ["nullable", { properties: { a: { type: "string", nullable: true } } }, "args?: { a?: string | null }"],
    [
      "a pointer into properties",
      { properties: { "a/b": { type: "integer" }, c: { $ref: "#/properties/a~1b" } } },
      'args?: { "a/b"?: number; c?: number }',
    ],
    [
      "recursion",
      { properties: { a: { type: "array", items: { $ref: "#" } } } },
      "args?: { a?: Array<unknown /* recursive */> }",
    ],
    ["a dangling reference", { properties: { a: { $ref: "#/nowhere" } } }, "args?: { a?: unknown }"],
    [
      "allOf",
      { allOf: [{ properties: { a: { type: "string" } } }, { properties: { b: {} }, required: ["a"] }] },
      "args: { a: string; b?: unknown }",
    ],
    [
      "tuples",
      { properties: { a: { prefixItems: [{ type: "string" }, {}], items: false } } },
      "args?: { a?: [string, unknown] }",
    ],
    [
      "maps",
      { properties: { a: { additionalProperties: { type: "number" } } } },
      "args?: { a?: Record<string, number> }",
    ],
    [
      "one of several demands",
      { properties: { id: {}, name: {} }, anyOf: [{ required: ["id"] }, { required: ["name"] }] },
      "args?: { id?: unknown; name?: unknown; /* needs id | name */ }",
    ],
    ["a forbidden member", { properties: { a: false, b: true } }, "args?: { b?: unknown }"],
    [
      "keys of the prototype",
      JSON.parse('{"properties":{"__proto__":{},"constructor":{}}}'),
      'args?: { "__proto__"?: unknown; "constructor"?: unknown }',
    ],
  ])("with %s", async (_, schema, expected) => {
    expect(await argumentsText(schema)).toBe(expected);
  });
});
