import { describe, expect, test } from "vitest";
import { Backoff } from "../../src/mcp/backoff.ts";
import { isBoundedJson } from "../../src/mcp/bounded-json.ts";
import { buildParamHeaders, findParamHeaders } from "../../src/mcp/param-headers.ts";
import { parseToolResult } from "../../src/mcp/parse-result.ts";
import { parseTool, parseToolPage, TOOL_TEXT_LIMITS } from "../../src/mcp/parse-tools.ts";
import { resolveServerOptions } from "../../src/mcp/server-options.ts";

describe("a tool definition from a server", () => {
  test("keeps what it understands and drops the rest", () => {
    const annotations = { title: "T", readOnlyHint: true, destructiveHint: "no", extra: 1 };
    expect(
      parseTool({
        name: "a",
        title: 1,
        description: "d",
        inputSchema: [],
        outputSchema: { type: "object" },
        annotations,
        icons: [],
      }),
    ).toEqual({
      name: "a",
      description: "d",
      outputSchema: { type: "object" },
      annotations: { title: "T", readOnlyHint: true },
    });
  });

  test("without a usable name is dropped", () => {
    for (const entry of [
      null,
      1,
      [],
      {},
      { name: "" },
      { name: {} },
      { name: "x".repeat(TOOL_TEXT_LIMITS.nameChars + 1) },
    ]) {
      expect(parseTool(entry)).toBeUndefined();
    }
  });

  test("loses a schema that is too deep or too large, and a description's excess", () => {
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 100; depth += 1) deep = { not: deep };
    const large = { enum: ["x".repeat(TOOL_TEXT_LIMITS.schemaChars + 1)] };
    const description = "d".repeat(TOOL_TEXT_LIMITS.descriptionChars + 1);
    const tool = parseTool({ name: "a", inputSchema: deep, outputSchema: large, description });
    expect(tool).toEqual({ name: "a", description: description.slice(1) });
  });

  test("does not reach a prototype", () => {
    const parsed: unknown = JSON.parse(
      '{"tools":[{"name":"a","__proto__":{"description":"evil"}}],"__proto__":{"nextCursor":"evil"}}',
    );
    expect(parseToolPage(parsed)).toEqual({ tools: [{ name: "a" }], dropped: 0, nextCursor: undefined });
  });

  test("list of the wrong shape is none", () => {
    for (const page of [null, [], "x", {}, { tools: {} }]) expect(parseToolPage(page)).toBeUndefined();
  });
});

describe("a tool result from a server", () => {
  test("keeps known blocks and shows unknown ones as text", () => {
    const known = [
      { type: "text", text: "t" },
      { type: "image", data: "AA==", mimeType: "image/png" },
      { type: "resource_link", uri: "file:///a", name: "a" },
      { type: "resource", resource: { uri: "file:///b", blob: "AA==" } },
    ];
    const odd = [{ type: "video", data: "AA==" }, { type: "text" }, { type: "image", data: 1 }];
    expect(parseToolResult({ content: [...known, ...odd, null, 7, "x"], isError: false, _meta: {} })).toEqual(
      {
        content: [...known, ...odd.map((block) => ({ type: "text", text: JSON.stringify(block) }))],
      },
    );
  });

  test("may be structured only, of any JSON type", () => {
    for (const structuredContent of [{ a: 1 }, [1], 0, "", false, null]) {
      expect(parseToolResult({ structuredContent })).toEqual({ content: [], structuredContent });
    }
  });

  test("may say how long it lasts, a day at most", () => {
    const times: readonly (readonly [unknown, unknown])[] = [
      [1_500, 1_500],
      [0, 0],
      [-1, 0],
      [1e300, 86_400_000],
      [Number.POSITIVE_INFINITY, undefined],
      [Number.NaN, undefined],
      ["1500", undefined],
      [null, undefined],
      [{ valueOf: 1 }, undefined],
    ];
    for (const [ttlMs, read] of times)
      expect(parseToolResult({ content: [], ttlMs, cacheScope: "public" })?.ttlMs).toBe(read);
  });

  test("of the wrong shape is none", () => {
    for (const result of [undefined, null, 1, [], {}, { content: {} }])
      expect(parseToolResult(result)).toBeUndefined();
  });

  test("beyond the bounds is none", () => {
    const bounds = { maxDepth: 4, maxNodes: 20, maxChars: 100 };
    expect(parseToolResult({ content: [{ type: "text", text: "x".repeat(101) }] }, bounds)).toBeUndefined();
    const circle: unknown[] = [];
    circle.push(circle);
    expect(isBoundedJson(circle, bounds)).toBe(false);
    expect(isBoundedJson({ f: () => {} }, bounds)).toBe(false);
  });
});

describe("header marks", () => {
  test("break the tool where they are not allowed", () => {
    const mark = { type: "string", "x-mcp-header": "A" };
    const allowed = {
      type: "object",
      properties: {
        a: mark,
        b: { type: "object", properties: { c: { type: "boolean", "x-mcp-header": "C" } } },
      },
    };
    expect(findParamHeaders(allowed)).toEqual([
      { path: ["a"], name: "A" },
      { path: ["b", "c"], name: "C" },
    ]);
    for (const schema of [
      mark,
      { properties: { a: { type: "number", "x-mcp-header": "A" } } },
      { properties: { a: { type: "string", "x-mcp-header": "a b" } } },
      { properties: { a: mark, b: { type: "string", "x-mcp-header": "a" } } },
      { properties: { a: { type: "array", items: mark } } },
      { anyOf: [{ properties: { a: mark } }] },
      { $defs: { d: mark } },
    ]) {
      expect(findParamHeaders(schema)).toBeUndefined();
    }
  });

  test("become headers only for primitives that are present", () => {
    const marks = [
      { path: ["a"], name: "A" },
      { path: ["b", "c"], name: "C" },
      { path: ["__proto__"], name: "P" },
    ];
    expect(buildParamHeaders(marks, { a: " x", b: { c: false } })).toEqual({
      "Mcp-Param-A": "=?base64?IHg=?=",
      "Mcp-Param-C": "false",
    });
    expect(buildParamHeaders(marks, { a: null, b: [] })).toEqual({});
  });
});

describe("server options", () => {
  test("may be a bare URL and are completed", () => {
    expect(resolveServerOptions("s", "https://example.com/mcp#x")).toMatchObject({
      id: "s",
      url: new URL("https://example.com/mcp"),
      transport: "auto",
      connectTimeoutMs: 10_000,
      callTimeoutMs: 60_000,
      maxTools: 5_000,
    });
  });

  test("that cannot work are refused by name", () => {
    for (const [input, part] of [
      ["", "no url"],
      ["mcp", "is not a URL"],
      ["ftp://x/", "scheme ftp:"],
      ["https://u:p@x/", "user name or password"],
      [{ url: "https://x/", headers: { "bad name": "1" } }, "headers"],
      [{ url: "https://x/", callTimeoutMs: 0 }, "callTimeoutMs is 0"],
    ] as const) {
      expect(() => resolveServerOptions("github", input)).toThrow(
        expect.objectContaining({
          code: 400,
          kind: expect.stringMatching(/^bad_(url|server_options)$/),
          message: expect.stringMatching(new RegExp(`"github".*${part}`)),
        }),
      );
    }
  });
});

test("a backoff doubles up to its cap, with jitter, and gives up", () => {
  const backoff = new Backoff({ initialMs: 100, maxMs: 250, maxAttempts: 3 }, () => 0.5);
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([
    75,
    150,
    187.5,
    undefined,
  ]);
  backoff.reset();
  expect(backoff.next()).toBe(75);
});
