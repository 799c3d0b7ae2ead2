import { existsSync, readFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import {
  type Capabilities,
  type CapabilityFacts,
  describeCapabilities,
  MANIFEST_MAX_TOKENS,
} from "../../src/capabilities/manifest.ts";
import { LIMITS, type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import type { ToolDefinition } from "../../src/tools/tool.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const CATALOGS = new URL("../../../shared/data/catalogs/", import.meta.url);

const count = (value: unknown): number =>
  countTokens(JSON.stringify(value), { disallowedSpecial: new Set() });

type Servers = Readonly<Record<string, readonly ToolDefinition[]>>;

async function describeServers(
  servers: Servers,
  facts: Partial<CapabilityFacts> = {},
): Promise<Capabilities> {
  using catalog = createCatalog(Object.entries(servers).map(([name, tools]) => fakeSource(name, tools)));
  return await describeCapabilities({
    catalog,
    intents: [],
    backends: ["quickjs"],
    languages: ["javascript", "typescript"],
    limits: resolveLimits(),
    maxTokensPerRequest: 1_000,
    countTokens: async (texts) => texts.map((text) => countTokens(text, { disallowedSpecial: new Set() })),
    ...facts,
  });
}

function tools(number: number): readonly ToolDefinition[] {
  return Array.from({ length: number }, (_, index) => ({
    name: `tool_${index}`,
    description: `Does thing number ${index}`,
    inputSchema: { type: "object", properties: { id: { type: "string" } } },
  }));
}

const serversNamed = (number: number, name: (index: number) => string, perServer = 3): Servers =>
  Object.fromEntries(Array.from({ length: number }, (_, index) => [name(index), tools(perServer)]));

/** What a model works from, whatever the catalog. */
function expectEnough({ tool, manifest }: Capabilities): void {
  expect(count(tool)).toBeLessThanOrEqual(187);
  expect(count(manifest)).toBeLessThanOrEqual(187);
  for (const words of [
    "tools.search(",
    "tools.describe(",
    "await tools.server.tool({",
    "return",
    "Promise.all",
    "context.get/set",
  ]) {
    expect(tool.description).toContain(words);
  }
  expect(tool.input_schema).toMatchObject({
    type: "object",
    properties: { code: { type: "string" } },
    required: ["code"],
  });
  expect(manifest).toMatchObject({
    name: "mcp-optimizer",
    tool: tool.name,
    use: expect.stringContaining("tools.search("),
  });
  expect(manifest.tokenSavings.optimized).toBe(count(tool));
}

test("187 tokens are the most that either may cost", () => {
  expect(MANIFEST_MAX_TOKENS).toBe(187);
});

describe("manifest and tool stay within their budget and say enough", () => {
  const long = (index: number): string =>
    `${"very-long-server-name-without-end-".repeat(2)}${index}`.slice(-64);
  test.each<readonly [what: string, servers: Servers]>([
    ["no server", {}],
    ["one server without tools", { empty: [] }],
    ["one server", serversNamed(1, () => "github")],
    ["10 servers", serversNamed(10, (index) => `server-${index}`)],
    ["10 servers with names of 64 characters", serversNamed(10, long)],
    ["500 servers", serversNamed(500, (index) => `s${index}`)],
    ["500 servers with names of 64 characters", serversNamed(500, long)],
    ["500 servers with names in many scripts", serversNamed(500, (index) => `日本語😀𝒳ñ${index}`)],
    ["one server with 5,000 tools", { huge: tools(5_000) }],
    [
      "names that look like other fields",
      serversNamed(
        8,
        (index) =>
          ["more", "__proto__", "constructor", "search", "describe", "page", "<|endoftext|>", '"},{"'][
            index
          ] ?? "",
      ),
    ],
  ])("for %s", async (_, servers) => {
    expectEnough(await describeServers(servers));
  });

  test("for the largest limits and many backends", async () => {
    const limits = Object.fromEntries(
      Object.entries(LIMITS).map(([name, { max }]) => [name, max - 1]),
    ) as unknown as Limits;
    expectEnough(
      await describeServers(
        serversNamed(500, (index) => `server-${index}`),
        {
          limits,
          maxTokensPerRequest: 9_999_999,
          backends: ["quickjs", "pyodide", "webcontainer", "remote"],
          languages: ["javascript", "typescript", "python"],
        },
      ),
    );
  });
});

test("servers stand with their tools, the largest first, and those without room are counted", async () => {
  const few = await describeServers({ small: tools(1), large: tools(20), empty: [] });
  expect(Object.entries(few.manifest.servers)).toEqual([
    ["large", 20],
    ["small", 1],
  ]);
  expect(few.tool.description).toMatch(/Servers: large, small$/);
  const many = await describeServers(serversNamed(300, (index) => `server-${index}`));
  const { more, ...shown } = many.manifest.servers;
  expect(Object.keys(shown).length).toBeGreaterThan(5);
  expect(more).toBe(300 - Object.keys(shown).length);
  expect(many.tool.description).toMatch(/, \d+ more$/);
});

test("the saving is what the definitions cost less what the tool costs", async () => {
  const definitions = tools(50);
  const { manifest, tool } = await describeServers({ one: definitions });
  const classic = definitions.reduce(
    (sum, { name, description, inputSchema }) =>
      sum + count({ name, description, input_schema: inputSchema }),
    0,
  );
  const percent = Math.floor((1 - count(tool) / classic) * 10_000) / 100;
  expect(manifest.tokenSavings).toEqual({ classic, optimized: count(tool), percent });
});

test("a catalog that costs less than the tool saves nothing", async () => {
  const { manifest } = await describeServers({ one: tools(1) });
  expect(manifest.tokenSavings.percent).toBe(0);
});

// The catalogs lie beside the project and are no part of it.
const HAS_CATALOGS = existsSync(CATALOGS);
describe.skipIf(!HAS_CATALOGS)(
  "for the catalogs of real servers (skipped where they do not lie beside the project)",
  () => {
    test.each<readonly [tier: string, tools: number]>([
      ["core", 151],
      ["mid", 596],
      ["all", 2_082],
    ])("tier %s, %i tools", async (tier, expected) => {
      const names: readonly string[] = readJson("_tiers")[tier];
      const servers: Servers = Object.fromEntries(names.map((name) => [name, readJson(name).tools]));
      expect(Object.values(servers).flat()).toHaveLength(expected);
      const capabilities = await describeServers(servers);
      expectEnough(capabilities);
      const { manifest } = capabilities;
      expect(manifest.tokenSavings.percent).toBeGreaterThan(99);
    });
  },
);

function readJson(name: string) {
  return JSON.parse(readFileSync(new URL(`${name}.json`, CATALOGS), "utf8"));
}
