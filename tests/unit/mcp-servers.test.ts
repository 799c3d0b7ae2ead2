import { InMemoryTransport } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/v4";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { startEverythingServer } from "../../demo/servers/everything-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";

const idle = { signal: new AbortController().signal };

describe("the errors server, both eras", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startErrorsServer({ port: 0 });
  });
  afterAll(() => server.close());

  test("lists its three tools with schemas and annotations", async () => {
    await using source = createServerSource("errors", server.url);
    await source.connect();
    expect(source.status).toEqual({ state: "ready" });
    expect(source.description).toMatch(/^Production errors of a web shop/);
    expect(source.tools.map(({ name, annotations }) => [name, annotations?.readOnlyHint])).toEqual([
      ["list_errors", true],
      ["analyze_error", true],
      ["fix_error", false],
    ]);
    expect(source.tools.every(({ inputSchema, outputSchema }) => inputSchema && outputSchema)).toBe(true);
  });

  test("answers 10,000 rows at once, the same at every start", async () => {
    await using source = createServerSource("errors", server.url);
    const { structuredContent } = await source.call("list_errors", { limit: 10_000 }, idle);
    const text = JSON.stringify(structuredContent);
    expect(text.length).toBeGreaterThan(1_000_000);
    expect(structuredContent).toMatchObject({ total: 10_000, nextCursor: null });
    const again = await startErrorsServer({ port: 0 });
    await using other = createServerSource("errors", again.url);
    expect(JSON.stringify((await other.call("list_errors", { limit: 10_000 }, idle)).structuredContent)).toBe(
      text,
    );
    await again.close();
  });

  test("pages, filters, analyzes and fixes", async () => {
    await using source = createServerSource("errors", server.url);
    const filter = { service: "payments", severity: "fatal", limit: 3 };
    const first = await source.call("list_errors", filter, idle);
    expect(first.structuredContent).toMatchObject({ nextCursor: "offset:3" });
    const second = await source.call("list_errors", { ...filter, cursor: "offset:3" }, idle);
    expect(second.structuredContent).not.toEqual(first.structuredContent);
    const analysis = await source.call("analyze_error", { id: "ERR-00042" }, idle);
    expect(analysis.structuredContent).toMatchObject({
      id: "ERR-00042",
      suggestedStrategy: expect.any(String),
    });
    const fix = { id: "ERR-00001", strategy: "retry_with_backoff" };
    const outcomes = [];
    for (const args of [{ ...fix, dryRun: true }, fix, fix])
      outcomes.push((await source.call("fix_error", args, idle)).structuredContent);
    expect(outcomes).toMatchObject([
      { changed: false },
      { changed: true, status: "resolved" },
      { changed: false, status: "resolved" },
    ]);
  });

  test("explains a bad id as a tool error", async () => {
    await using source = createServerSource("errors", server.url);
    const result = await source.call("analyze_error", { id: "ERR-99999" }, idle);
    expect(result).toEqual({
      content: [
        {
          type: "text",
          text: 'There is no error "ERR-99999". Ids go from ERR-00001 to ERR-10000; list_errors returns them.',
        },
      ],
      isError: true,
    });
  });

  test("refuses foreign hosts and origins, and allows pages of this machine", async () => {
    const preflight = (origin: string) =>
      fetch(server.url, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,mcp-param-x,x-evil",
        },
      });
    const allowed = await preflight("http://localhost:5173");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("http://localhost:5173");
    expect(allowed.headers.get("access-control-allow-headers")).toMatch(/mcp-param-x$/);
    expect(allowed.headers.get("access-control-expose-headers")).toContain("mcp-session-id");
    expect((await preflight("https://evil.example")).status).toBe(403);
  });

  test("names the port that is taken", async () => {
    const port = Number(new URL(server.url).port);
    await expect(startErrorsServer({ port })).rejects.toThrow(`port ${port} is already in use`);
    await expect(startEverythingServer({ port })).rejects.toThrow(`port ${port} is already in use`);
  });
});

describe("server-everything as it ships", () => {
  for (const transport of ["streamableHttp", "sse"] as const) {
    test(`${transport}: connects, lists and calls`, async () => {
      const server = await startEverythingServer({ port: 0, transport });
      try {
        await using source = createServerSource("everything", server.url);
        await source.connect();
        expect(source.status).toEqual({ state: "ready" });
        expect(source.tools.map(({ name }) => name)).toContain("echo");
        expect(await source.call("echo", { message: "hi" }, idle)).toEqual({
          content: [{ type: "text", text: "Echo: hi" }],
        });
        const image = await source.call("get-tiny-image", {}, idle);
        expect(image.content.map(({ type }) => type)).toContain("image");
      } finally {
        await server.close();
      }
    });
  }

  test("forwards progress", async () => {
    const server = await startEverythingServer({ port: 0 });
    try {
      await using source = createServerSource("everything", server.url);
      const seen: unknown[] = [];
      const onProgress = (progress: unknown) => seen.push(progress);
      await source.call(
        "trigger-long-running-operation",
        { duration: 0.3, steps: 3 },
        { ...idle, onProgress },
      );
      expect(seen.slice(0, 2)).toEqual([
        { progress: 1, total: 3 },
        { progress: 2, total: 3 },
      ]);
    } finally {
      await server.close();
    }
  });

  test("starts a new session after a restart, without the caller's doing", async () => {
    const first = await startEverythingServer({ port: 0 });
    await using source = createServerSource("everything", first.url);
    await source.connect();
    await first.close();
    const second = await startEverythingServer({ port: Number(new URL(first.url).port) });
    try {
      expect(await source.call("echo", { message: "again" }, idle)).toEqual({
        content: [{ type: "text", text: "Echo: again" }],
      });
    } finally {
      await second.close();
    }
  });
});

describe("an in-memory transport", () => {
  const connect = () => {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const server = new McpServer({ name: "memory", version: "1" });
    const add = (name: string) =>
      server.registerTool(name, { inputSchema: z.object({ a: z.number() }) }, ({ a }) => ({
        content: [{ type: "text", text: String(a + 1) }],
      }));
    add("increment");
    void server.connect(far);
    return { near, add };
  };

  test("connects, calls and follows list changes", async () => {
    const { near, add } = connect();
    await using source = createServerSource("memory", { transport: () => near });
    await source.connect();
    expect(await source.call("increment", { a: 1 }, idle)).toEqual({
      content: [{ type: "text", text: "2" }],
    });
    const changed = new Promise<void>((resolve) => void source.onChange(resolve));
    add("later");
    await changed;
    expect(source.tools.map(({ name }) => name)).toEqual(["increment", "later"]);
  });
});
