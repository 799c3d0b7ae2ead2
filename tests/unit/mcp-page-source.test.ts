import { describe, expect, test } from "vitest";
import { createPageSource, type PageTool } from "../../src/tools/page-source.ts";

const idle = { signal: new AbortController().signal };
const returning = (value: unknown): PageTool => ({ call: async () => value });
const resultOf = (value: unknown) => createPageSource({ tool: returning(value) }).call("tool", {}, idle);

describe("an in-page tool", () => {
  test("is offered as it was declared", () => {
    const schema = { type: "object" };
    const source = createPageSource({
      now: { description: "d", inputSchema: schema, outputSchema: schema, call: () => 1 },
    });
    expect([source.id, source.status, source.tools]).toEqual([
      "page",
      { state: "ready" },
      [{ name: "now", description: "d", inputSchema: schema, outputSchema: schema }],
    ]);
  });

  test("gets its arguments and the signal", async () => {
    const source = createPageSource({
      echo: { call: (args, { signal }) => ({ args, same: signal === idle.signal }) },
    });
    expect((await source.call("echo", { a: 1 }, idle)).structuredContent).toEqual({
      args: { a: 1 },
      same: true,
    });
  });

  test("returns JSON as data with its text", async () => {
    for (const value of [{ a: [1, null] }, [true], 0, false, null]) {
      expect(await resultOf(value)).toEqual({
        content: [{ type: "text", text: JSON.stringify(value) }],
        structuredContent: value,
      });
    }
    expect(await resultOf(undefined)).toMatchObject({ structuredContent: null });
    expect(await resultOf({ at: new Date(0), gone: undefined })).toMatchObject({
      structuredContent: { at: "1970-01-01T00:00:00.000Z" },
    });
  });

  test("returns a copy: the page's object stays its own", async () => {
    const value = { list: [1] };
    const { structuredContent } = await resultOf(value);
    value.list.push(2);
    expect(structuredContent).toEqual({ list: [1] });
    const hostile = JSON.parse('{"__proto__":{"x":1}}');
    const copy = (await resultOf(hostile)).structuredContent;
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });

  test("returns text and bytes as content", async () => {
    expect(await resultOf("hi")).toEqual({ content: [{ type: "text", text: "hi" }] });
    const blob = {
      type: "resource",
      resource: { uri: "page://tool", mimeType: "application/octet-stream", blob: "AQI=" },
    };
    expect(await resultOf(new Uint8Array([1, 2]))).toEqual({ content: [blob] });
    expect(await resultOf(new Uint8Array([1, 2]).buffer)).toEqual({ content: [blob] });
    expect(await resultOf(new Blob([new Uint8Array([1, 2])], { type: "image/png" }))).toEqual({
      content: [{ type: "image", data: "AQI=", mimeType: "image/png" }],
    });
    const large = await resultOf(new Uint8Array(1_000_000));
    expect(large.content).toMatchObject([{ resource: { blob: Buffer.alloc(1_000_000).toString("base64") } }]);
  });

  test("that throws is a tool error with the message only", async () => {
    const source = createPageSource({
      sync: {
        call() {
          throw new Error("no luck");
        },
      },
      async: { call: () => Promise.reject(new Error("no luck")) },
    });
    for (const name of ["sync", "async"]) {
      expect(await source.call(name, {}, idle)).toEqual({
        content: [{ type: "text", text: "no luck" }],
        isError: true,
      });
    }
  });

  test("that returns no JSON is told where", async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    for (const [value, place] of [
      [() => {}, "it is a function"],
      [{ a: { b: 1n } }, "it.a.b is a bigint"],
      [[Number.NaN], "it[0] is NaN"],
      [{ m: new Map() }, "it.m is a Map"],
      [circle, "contains itself"],
    ] as const) {
      await expect(resultOf(value)).rejects.toMatchObject({
        code: 500,
        kind: "invalid_result",
        message: expect.stringContaining(place),
      });
    }
  });

  test("that ignores its signal does not hold up the caller", async () => {
    const stop = new AbortController();
    const source = createPageSource({ stuck: { call: () => new Promise(() => {}) } });
    const call = source.call("stuck", {}, stop);
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: 408, kind: "cancelled" });
    await expect(source.call("stuck", {}, stop)).rejects.toMatchObject({ kind: "cancelled" });
  });

  test("unknown, or without a function, is refused", async () => {
    await expect(createPageSource({}).call("toString", {}, idle)).rejects.toMatchObject({
      code: 400,
      kind: "unknown_tool",
    });
    // @ts-expect-error: a plain JavaScript embedder can forget the function
    expect(() => createPageSource({ empty: {} })).toThrow(expect.objectContaining({ kind: "bad_page_tool" }));
  });
});
