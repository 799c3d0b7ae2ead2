import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { findFreePort } from "../../demo/servers/loopback.ts";
import type { OptimizerError } from "../../src/base/errors.ts";
import type { ServerOptions } from "../../src/mcp/server-options.ts";
import { createServerSource, type ServerSourceDeps } from "../../src/mcp/server-source.ts";
import {
  answerBasics,
  answerList,
  type Seen,
  sendJson,
  sendResult,
  startFaultServer,
} from "./fixtures/mcp-fault-server.ts";

const idle = { signal: new AbortController().signal };
const reconnect = { initialMs: 20, maxMs: 100, maxAttempts: 3 };

function source(url: string, options: Omit<ServerOptions, "url"> = {}, deps: ServerSourceDeps = {}) {
  return createServerSource(
    "fault",
    { url, connectTimeoutMs: 2_000, callTimeoutMs: 2_000, ...options },
    { reconnect, ...deps },
  );
}

/** The status that one attempt leads to. */
async function statusOf(url: string, options?: Omit<ServerOptions, "url">, deps?: ServerSourceDeps) {
  await using subject = source(url, options, deps);
  await subject.connect();
  return subject.status;
}

async function failureOf(
  call: Promise<unknown>,
): Promise<Pick<OptimizerError, "code" | "kind" | "hint" | "retryable">> {
  const error = await call.then(
    () => undefined,
    (thrown: OptimizerError) => thrown,
  );
  if (error === undefined) throw new Error("The call succeeded.");
  return { code: error.code, kind: error.kind, hint: error.hint, retryable: error.retryable };
}

/** Waits until something is so; fails after five seconds. */
async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round += 1) await sleep(10);
  expect(condition()).toBe(true);
}

/** Answers with an event stream that stays open until the test ends it. */
function openStream({ response }: Seen): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

describe("a server that cannot be used says why", () => {
  test("down", async () => {
    expect(await statusOf(`http://127.0.0.1:${await findFreePort()}/mcp`)).toMatchObject({
      state: "unavailable",
      kind: "unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("has a url that is none", async () => {
    await using subject = source("not a url");
    await subject.connect();
    expect(subject.status).toMatchObject({
      state: "unavailable",
      kind: "bad_url",
      message: expect.stringContaining('"fault"'),
    });
    expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({ code: 400, kind: "bad_url" });
  });

  test("hangs", async () => {
    await using server = await startFaultServer(() => {});
    expect(await statusOf(server.url, { connectTimeoutMs: 150 })).toMatchObject({
      kind: "timeout",
      hint: expect.stringContaining("connectTimeoutMs"),
    });
  });

  test("answers HTML", async () => {
    await using server = await startFaultServer(({ response }) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hi</h1>"),
    );
    expect(await statusOf(server.url)).toMatchObject({
      kind: "not_mcp",
      message: expect.stringContaining("text/html"),
    });
  });

  test("answers 404, after both transports were tried", async () => {
    await using server = await startFaultServer(({ response }) =>
      response.writeHead(404).end("nothing here"),
    );
    expect(await statusOf(server.url)).toMatchObject({
      kind: "not_mcp",
      hint: expect.stringContaining("/sse"),
    });
    expect(server.methods).toContain("GET");
  });

  for (const status of [401, 403]) {
    test(`answers ${status}`, async () => {
      await using server = await startFaultServer(({ response }) => response.writeHead(status).end());
      expect(await statusOf(server.url)).toMatchObject({
        kind: "unauthorized",
        message: expect.stringContaining(String(status)),
      });
    });
  }

  test("answers 503", async () => {
    await using server = await startFaultServer(({ response }) => response.writeHead(503).end());
    expect(await statusOf(server.url)).toMatchObject({ kind: "server_error" });
  });

  test("hides its session header", async () => {
    await using server = await startFaultServer((seen) => {
      if (seen.message?.method === "server/discover" || seen.message?.method === "initialize")
        answerBasics(seen);
      else
        sendJson(
          seen.response,
          { jsonrpc: "2.0", id: null, error: { code: -32000, message: "No valid session ID" } },
          400,
        );
    });
    const pageUrl = "https://app.example/";
    expect(await statusOf(server.url, {}, { pageUrl })).toMatchObject({
      kind: "session_header_hidden",
      hint: 'On the server, send "Access-Control-Expose-Headers: mcp-session-id" with every response.',
    });
  });

  test("sends JSON that is no JSON-RPC", async () => {
    await using server = await startFaultServer((seen) => sendJson(seen.response, { hello: "world" }));
    expect(await statusOf(server.url)).toMatchObject({ kind: "protocol" });
  });

  test("does not hold up the others, and comes back by itself", async () => {
    const port = await findFreePort();
    const patient = { reconnect: { initialMs: 20, maxMs: 100, maxAttempts: 1_000 } };
    await using down = source(`http://127.0.0.1:${port}/mcp`, {}, patient);
    await using healthy = await startFaultServer((seen) => answerList(seen));
    await using up = source(healthy.url);
    await Promise.all([down.connect(), up.connect()]);
    expect([down.status.state, up.status.state]).toEqual(["unavailable", "ready"]);
    expect(await failureOf(down.call("work", {}, idle))).toMatchObject({
      code: 500,
      kind: "unreachable",
      hint: expect.stringContaining("Start the server"),
    });
    await using _late = await startFaultServer((seen) => answerList(seen), port);
    await until(() => down.status.state === "ready");
  });
});

describe("in a page, a network failure is looked into", () => {
  const pageUrl = "https://app.example/chat";
  const failing = (answers: (mode: string | undefined) => boolean): ServerSourceDeps => ({
    pageUrl,
    async fetch(_url, init) {
      if (init?.method === "GET" && answers(init.mode)) return new Response("");
      throw new TypeError("Failed to fetch");
    },
  });

  test("nothing answers", async () => {
    expect(
      await statusOf(
        "https://mcp.example/mcp",
        {},
        failing(() => false),
      ),
    ).toMatchObject({ kind: "unreachable" });
  });

  test("it runs without CORS", async () => {
    const status = await statusOf(
      "https://mcp.example/mcp",
      { headers: { "x-api-key": "1" } },
      failing((mode) => mode === "no-cors"),
    );
    expect(status).toMatchObject({
      kind: "cors_blocked",
      message: expect.stringContaining("does not allow pages of https://app.example"),
    });
    expect(status).toMatchObject({
      hint: expect.stringMatching(
        /Allow-Origin: https:\/\/app\.example.*mcp-method.*x-api-key.*Expose-Headers: mcp-session-id/,
      ),
    });
  });

  test("it refuses the preflight only", async () => {
    expect(
      await statusOf(
        "https://mcp.example/mcp",
        {},
        failing(() => true),
      ),
    ).toMatchObject({
      kind: "cors_blocked",
      message: expect.stringContaining("refuses the preflight"),
    });
  });

  test("the page is https and the server http", async () => {
    expect(
      await statusOf(
        "http://mcp.example/mcp",
        {},
        failing(() => false),
      ),
    ).toMatchObject({ kind: "mixed_content" });
  });
});

describe("a tool list", () => {
  test("is read to its last page, without what is no tool", async () => {
    const pages = [
      [{ name: "a" }, { name: 7 }, null, { name: "__proto__", inputSchema: { type: "object" } }],
      [
        { name: "a", description: "again" },
        { name: "b", inputSchema: "no schema" },
      ],
    ];
    await using server = await startFaultServer((seen) => {
      if (answerBasics(seen)) return;
      const page = Number(seen.message?.params?.cursor ?? 0);
      sendResult(seen, { tools: pages[page], ...(page === 0 ? { nextCursor: "1" } : {}) });
    });
    await using subject = source(server.url);
    await subject.connect();
    expect(subject.tools).toEqual([
      { name: "a" },
      { name: "__proto__", inputSchema: { type: "object" } },
      { name: "b" },
    ]);
  });

  test("ends where its cursors run in a circle", async () => {
    await using server = await startFaultServer((seen) => {
      if (answerBasics(seen)) return;
      const page = Number(seen.message?.params?.cursor ?? 0);
      sendResult(seen, { tools: [{ name: `tool-${page}` }], nextCursor: String((page + 1) % 3) });
    });
    await using subject = source(server.url);
    await subject.connect();
    expect(subject.tools.map(({ name }) => name)).toEqual(["tool-0", "tool-1", "tool-2"]);
    expect(server.methods.filter((method) => method === "tools/list").length).toBeLessThanOrEqual(4);
  });

  test("of 100,000 tools is cut at maxTools", async () => {
    const tools = Array.from({ length: 100_000 }, (_, index) => ({
      name: `tool-${index}`,
      inputSchema: { type: "object" },
    }));
    await using server = await startFaultServer((seen) => answerList(seen, tools));
    await using subject = source(server.url, { connectTimeoutMs: 20_000 });
    await subject.connect();
    expect(subject.status).toEqual({ state: "ready" });
    expect(subject.tools).toHaveLength(5_000);
  });

  test("that never ends is refused", async () => {
    await using server = await startFaultServer((seen) =>
      answerList(seen, [{ name: "a", description: "x".repeat(200_000) }]),
    );
    expect(await statusOf(server.url, { maxResponseBytes: 100_000 })).toMatchObject({
      kind: "protocol",
      message: expect.stringContaining("100000 bytes"),
    });
  });
});

describe("a call", () => {
  test("that is slow times out, and the server is told to stop", async () => {
    await using server = await startFaultServer((seen) => answerList(seen));
    await using subject = source(server.url, { callTimeoutMs: 100 });
    expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({
      code: 408,
      kind: "tool_timeout",
      retryable: false,
      hint: expect.stringContaining("may have happened"),
    });
    await until(() => server.methods.includes("notifications/cancelled"));
  });

  test("that is aborted is cancelled on the server, and its connection is released", async () => {
    let released = false;
    const stop = new AbortController();
    await using server = await startFaultServer((seen) => {
      if (answerList(seen)) return;
      seen.response.on("close", () => {
        released = true;
      });
      stop.abort();
    });
    await using subject = source(server.url);
    expect(await failureOf(subject.call("work", {}, { signal: stop.signal }))).toMatchObject({
      code: 408,
      kind: "cancelled",
    });
    await until(() => server.methods.includes("notifications/cancelled") && released);
  });

  test("whose stream is cut ends at once and is never repeated", async () => {
    await using server = await startFaultServer((seen) => {
      if (answerList(seen)) return;
      openStream(seen);
      seen.response.write(`data: {"jsonrpc":"2.0","method":"notifications/message"`);
      setTimeout(() => seen.response.socket?.destroy(), 20);
    });
    await using subject = source(server.url, { callTimeoutMs: 30_000 });
    expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({
      code: 500,
      kind: "connection_lost",
      retryable: false,
      hint: expect.stringContaining("may have happened"),
    });
    expect(server.methods.filter((method) => method === "tools/call")).toHaveLength(1);
    await until(() => subject.status.state === "ready");
  });

  test("whose session is forgotten goes through after one new handshake", async () => {
    let sessions = 0;
    await using server = await startFaultServer((seen) => {
      const { message, request, response } = seen;
      if (message?.method === "initialize") answerBasics(seen, { "mcp-session-id": `s${++sessions}` });
      else if (message?.method === "tools/call" && request.headers["mcp-session-id"] !== "s2")
        response.writeHead(404).end("unknown session");
      else if (message?.method === "tools/call")
        sendResult(seen, { content: [{ type: "text", text: "done" }] });
      else answerList(seen);
    });
    await using subject = source(server.url);
    expect(await subject.call("work", {}, idle)).toEqual({ content: [{ type: "text", text: "done" }] });
    expect(server.methods.filter((method) => method === "initialize")).toHaveLength(2);
  });

  test("whose session is always forgotten fails instead of looping", async () => {
    await using server = await startFaultServer((seen) => {
      if (seen.message?.method === "initialize") answerBasics(seen, { "mcp-session-id": "s" });
      else if (seen.message?.method === "tools/call") seen.response.writeHead(404).end();
      else answerList(seen);
    });
    await using subject = source(server.url);
    expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({
      code: 500,
      kind: "tool_call_failed",
    });
    expect(server.methods.filter((method) => method === "tools/call")).toHaveLength(2);
  });

  for (const streamed of [false, true]) {
    test(`with a huge ${streamed ? "event" : "body"} is stopped while it is read`, async () => {
      await using server = await startFaultServer((seen) => {
        if (answerList(seen)) return;
        const { response, message } = seen;
        response.writeHead(200, { "content-type": streamed ? "text/event-stream" : "application/json" });
        const head = `{"jsonrpc":"2.0","id":${String(message?.id)},"result":{"content":[{"type":"text","text":"`;
        response.write(streamed ? `data: ${head}` : head);
        const pump = () => {
          while (!response.destroyed && response.write("x".repeat(65_536)));
          if (!response.destroyed) response.once("drain", pump);
        };
        pump();
      });
      await using subject = source(server.url, { maxResponseBytes: 1_000_000, callTimeoutMs: 30_000 });
      expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({
        code: 429,
        kind: "response_too_large",
      });
    });
  }

  test("answered by no tool result, or by an error of the protocol, says so", async () => {
    await using server = await startFaultServer((seen) => {
      if (answerList(seen)) return;
      if (seen.message?.params?.name === "work") sendResult(seen, { nonsense: true });
      else
        sendJson(seen.response, {
          jsonrpc: "2.0",
          id: seen.message?.id,
          error: { code: -32602, message: "bad" },
        });
    });
    await using subject = source(server.url);
    expect(await failureOf(subject.call("work", {}, idle))).toMatchObject({
      code: 500,
      kind: "invalid_result",
    });
    expect(await failureOf(subject.call("other", {}, idle))).toMatchObject({
      code: 400,
      kind: "invalid_arguments",
    });
  });

  test("follows a redirect", async () => {
    await using server = await startFaultServer((seen) => {
      if (seen.request.url !== "/mcp/") seen.response.writeHead(307, { location: "/mcp/" }).end();
      else if (!answerList(seen)) sendResult(seen, { content: [] });
    });
    await using subject = source(server.url);
    expect(await subject.call("work", {}, idle)).toEqual({ content: [] });
  });

  test("carries the embedder's headers, and ends when the source is disposed", async () => {
    const keys = new Set<unknown>();
    await using server = await startFaultServer((seen) => {
      keys.add(seen.request.headers["x-api-key"]);
      answerList(seen);
    });
    const subject = source(server.url, { headers: { "X-Api-Key": "k" } });
    await subject.connect();
    const call = failureOf(subject.call("work", {}, idle));
    await until(() => server.methods.includes("tools/call"));
    await subject[Symbol.asyncDispose]();
    expect(await call).toMatchObject({ kind: "disposed" });
    expect([...keys]).toEqual(["k"]);
  });
});
