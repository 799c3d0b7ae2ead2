// What real servers return whose tools declare no output schema.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startEverythingServer } from "../../demo/servers/everything-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import type { Json, JsonObject } from "../../src/base/json.ts";
import { createServerSource, type ServerSource } from "../../src/mcp/server-source.ts";
import { type Catalog, createCatalog } from "../../src/tools/catalog.ts";
import { describeTools } from "../../src/tools/describe.ts";
import { ObservedShapes } from "../../src/tools/observed-shapes.ts";
import { createSourceCaller } from "../../src/tools/tool-answer.ts";
import { conforms } from "./fixtures/conforms.ts";
import { typescriptError } from "./fixtures/parse-signatures.ts";

const idle = { signal: new AbortController().signal };
let server: RunningServer;
let source: ServerSource;
let catalog: Catalog;

beforeAll(async () => {
  server = await startEverythingServer({ port: 0 });
  source = createServerSource("everything", server.url);
  catalog = createCatalog([source]);
  await source.connect();
});
afterAll(async () => {
  catalog[Symbol.dispose]();
  await source[Symbol.asyncDispose]();
  await server.close();
});

const CALLS: readonly (readonly [tool: string, args: JsonObject])[] = [
  ["echo", { message: "one" }],
  ["echo", { message: "two" }],
  ["get_sum", { a: 2, b: 3 }],
  ["get_tiny_image", {}],
  ["get_annotated_message", { messageType: "success", includeImage: true }],
  ["get_resource_links", { count: 3 }],
  ["get_resource_reference", { resourceType: "Text", resourceId: 1 }],
  ["get_structured_content", { location: "Chicago" }],
];

test("its signatures tell what was seen, every result conforms, and no value is kept", async () => {
  await using shapes = new ObservedShapes();
  const values: (readonly [string, Json])[] = [];
  const call = createSourceCaller((tool, value) => {
    shapes.observe(tool, value);
    values.push([tool.identifier, value.value]);
  });
  for (const [name, args] of CALLS) {
    const tool = catalog.find(`everything.${name}`);
    if (tool !== undefined) await call(tool, args, idle);
  }
  expect(values.map(([name]) => name)).toEqual(CALLS.map(([name]) => name));
  for (const [name, value] of values) {
    const tool = catalog.find(`everything.${name}`);
    const observed = tool && shapes.find(tool);
    if (name === "get_structured_content") expect(observed).toBeUndefined();
    else expect(observed && conforms(value, observed.shape)).toBe(true);
  }
  const count = async (texts: readonly string[]) => texts.map((text) => countTokens(text));
  const options = { language: "typescript", maxTokens: 2_000, countTokens: count } as const;
  const tools = catalog.tools.filter(({ identifier }) => CALLS.some(([name]) => name === identifier));
  const before = await describeTools(tools, options);
  const after = await describeTools(tools, { ...options, findObserved: shapes.find });
  expect(typescriptError(after.text)).toBeUndefined();
  expect(after.text).toMatch(/function echo\([^;]*;\s*\}\): Promise<string>; \/\/ observed in 2 results\n/);
  expect(after.text).toMatch(
    /function get_tiny_image\(.*\): Promise<.*bytes: unknown \/\* bytes \*\/.*>; \/\/ observed in 1 result\n/,
  );
  expect(after.text).not.toMatch(/Echo:|image\/png|The sum of/);
  expect(before.text).not.toContain("observed");
  const [perTool] = await count([" // observed in 1 result"]);
  expect(perTool).toBeLessThan(10);
});
