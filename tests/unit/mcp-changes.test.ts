import { setTimeout as sleep } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
import { closeServer, listen } from "../../demo/servers/loopback.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";
import { answerBasics, sendResult, startFaultServer } from "./fixtures/mcp-fault-server.ts";

const idle = { signal: new AbortController().signal };

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round += 1) await sleep(10);
  expect(condition()).toBe(true);
}

/** A server of 2026-07-28 whose tools can change and one of which waits for its cancellation. */
async function startModernServer() {
  const names = ["wait"];
  let cancelled = 0;
  const schema = {
    type: "object",
    properties: {
      region: { type: "string", "x-mcp-header": "Region" },
      nested: { type: "object", properties: { n: { type: "integer", "x-mcp-header": "N" } } },
    },
  } as const;
  const handler = createMcpHandler(
    () => {
      const server = new McpServer(
        { name: "modern", version: "1" },
        { capabilities: { tools: { listChanged: true } } },
      );
      for (const name of names) {
        server.registerTool(name, {}, async (context) => {
          await new Promise<void>((resolve) =>
            context.mcpReq.signal.addEventListener("abort", () => resolve()),
          );
          cancelled += 1;
          return { content: [] };
        });
      }
      server.registerTool("mirrored", { inputSchema: fromJsonSchema(schema) }, () => ({
        content: [{ type: "text", text: "ok" }],
      }));
      return server;
    },
    { legacy: "reject" },
  );
  const requests: { method: unknown; headers: Record<string, unknown> }[] = [];
  const node = toNodeHandler(handler);
  const { port, server } = await listen(
    (request, response) => {
      requests.push({ method: request.headers["mcp-method"], headers: request.headers });
      void node(
        Object.assign(request, { url: request.url ?? "/", method: request.method ?? "GET" }),
        response,
      );
    },
    { port: 0, host: "127.0.0.1", name: "modern" },
  );
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    names,
    requests,
    notify: () => handler.notify.toolsChanged(),
    dropConnections: () => server.closeAllConnections(),
    get cancelled() {
      return cancelled;
    },
    async [Symbol.asyncDispose]() {
      await handler.close();
      await closeServer(server);
    },
  };
}

test("a burst of changes on a 2025 server costs few lists", async () => {
  let notify = () => {};
  const tools = [{ name: "one" }];
  await using server = await startFaultServer((seen) => {
    const { request, response } = seen;
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      notify = () =>
        response.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
    } else if (seen.message?.method === "tools/list") sendResult(seen, { tools });
    else answerBasics(seen);
  });
  await using source = createServerSource("legacy", server.url);
  await source.connect();
  await until(() => server.methods.includes("GET"));
  tools.push({ name: "two" });
  for (let times = 0; times < 50; times += 1) notify();
  await until(() => source.tools.length === 2);
  expect(server.methods.filter((method) => method === "tools/list").length).toBeLessThanOrEqual(3);
});

test("changes on a 2026 server arrive by subscription, and again after it was cut", async () => {
  await using server = await startModernServer();
  const reconnect = { initialMs: 20, maxMs: 100, maxAttempts: 5 };
  await using source = createServerSource("modern", server.url, { reconnect });
  await source.connect();
  const listens = () => server.requests.filter(({ method }) => method === "subscriptions/listen").length;
  await until(() => listens() === 1);
  await sleep(50);
  server.names.push("second");
  server.notify();
  await until(() => source.tools.some(({ name }) => name === "second"));
  server.names.push("third");
  server.dropConnections();
  await until(() => listens() === 2);
  await until(() => source.tools.some(({ name }) => name === "third"));
});

test("a cancelled call is cancelled on a 2026 server", async () => {
  await using server = await startModernServer();
  await using source = createServerSource("modern", server.url);
  const stop = new AbortController();
  const call = source.call("wait", {}, { signal: stop.signal }).then(
    () => "answered",
    (error: unknown) => error,
  );
  await until(() => server.requests.some(({ method }) => method === "tools/call"));
  await sleep(20);
  stop.abort();
  expect(await call).toMatchObject({ code: 408, kind: "cancelled" });
  await until(() => server.cancelled === 1);
});

test("marked parameters are repeated in headers", async () => {
  await using server = await startModernServer();
  await using source = createServerSource("modern", server.url);
  const args = { region: "Zürich", nested: { n: 7 } };
  expect(await source.call("mirrored", args, idle)).toEqual({ content: [{ type: "text", text: "ok" }] });
  const call = server.requests.find(({ method }) => method === "tools/call");
  expect(call?.headers).toMatchObject({ "mcp-param-region": "=?base64?WsO8cmljaA==?=", "mcp-param-n": "7" });
});
