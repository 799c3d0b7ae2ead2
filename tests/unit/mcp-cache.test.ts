// Results of a real server over HTTP, from the wire to the record of a run.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createIdentity } from "../../src/mcp/identity.ts";
import type { ServerOptions } from "../../src/mcp/server-options.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";
import { type GuestReply, HELD } from "../../src/protocol/guest-protocol.ts";
import { createArgumentChecker } from "../../src/tools/arguments.ts";
import { createBroker } from "../../src/tools/broker.ts";
import { type CacheOptions, resolveCacheOptions } from "../../src/tools/cache-options.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { ResultCache } from "../../src/tools/result-cache.ts";
import { createSourceCaller } from "../../src/tools/tool-answer.ts";
import { answerBasics, sendResult, startFaultServer } from "./fixtures/mcp-fault-server.ts";
import { openSession } from "./fixtures/session.ts";

const TOOLS = [
  { name: "whoami", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "timed", inputSchema: { type: "object" } },
];

/** A server that answers with the credentials that it was sent, and the count of its calls. */
async function openServer(options: Omit<ServerOptions, "url"> = {}, cacheOptions: CacheOptions = {}) {
  const stack = new AsyncDisposableStack();
  let notify = (): void => {};
  let calls = 0;
  const server = stack.use(
    await startFaultServer((seen) => {
      const { request, response, message } = seen;
      if (request.method === "GET") {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
        notify = () =>
          response.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
      } else if (message?.method === "tools/list") sendResult(seen, { tools: TOOLS });
      else if (message?.method === "tools/call") {
        calls += 1;
        const structuredContent = {
          user: request.headers.authorization?.slice("Bearer ".length) ?? null,
          calls,
        };
        const timed = message.params?.name === "timed" ? { ttlMs: 60_000, cacheScope: "public" } : {};
        sendResult(seen, { content: [], structuredContent, ...timed });
      } else answerBasics(seen);
    }),
  );
  const source = stack.use(createServerSource("server", { ...options, url: server.url }));
  const catalog = stack.use(createCatalog([source]));
  const cache = stack.use(
    new ResultCache({
      callTool: createSourceCaller(),
      options: resolveCacheOptions(cacheOptions),
      enabled: () => true,
    }),
  );
  await source.connect();
  const open = (maxMessageBytes = 1_000) =>
    createBroker({
      catalog,
      ...openSession(catalog),
      callTool: cache.callTool,
      findObserved: () => undefined,
      countTokens: async (texts) => texts.map(({ length }) => length),
      loadChecker: async () => createArgumentChecker(),
      maxMessageBytes,
      maxDescribeTokens: 100,
      language: "typescript",
      onEvent: () => {},
    });
  const ask = async (tool: string, broker = open()): Promise<GuestReply> => {
    const call = { id: 1, operation: "tool", target: `server.${tool}`, args: "{}" } as const;
    const reply = await broker.call(call, new AbortController().signal);
    return reply === HELD ? expect.fail("the call is held") : reply;
  };
  const value = async (tool: string): Promise<unknown> => {
    const reply = await ask(tool);
    return reply.ok ? JSON.parse(reply.json) : reply.error;
  };
  return {
    cache,
    open,
    ask,
    value,
    notify: () => notify(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("a run's record says which answers were kept, and a kept answer has the same limit", async () => {
  await using server = await openServer();
  const broker = server.open();
  await server.ask("whoami", broker);
  await server.ask("whoami", broker);
  expect(broker.records).toEqual([
    { name: "server.whoami", ms: expect.any(Number), bytes: 23, cached: false },
    { name: "server.whoami", ms: expect.any(Number), bytes: 23, cached: true },
  ]);
  expect(await server.ask("whoami", server.open(22))).toMatchObject({
    ok: false,
    error: { code: 429, kind: "result_too_large" },
  });
  expect(server.cache.stats).toMatchObject({ hits: 2, misses: 1 });
});

test("who signs in as somebody else sees nothing of what was kept before", async () => {
  let token: string | undefined = "ann";
  await using server = await openServer({ auth: { token: async () => token } });
  expect(await server.value("whoami")).toEqual({ user: "ann", calls: 1 });
  expect(await server.value("whoami")).toEqual({ user: "ann", calls: 1 });
  token = "bob";
  expect(await server.value("whoami")).toEqual({ user: "bob", calls: 2 });
  expect(await server.value("whoami")).toEqual({ user: "bob", calls: 2 });
  token = undefined;
  expect(await server.value("whoami")).toEqual({ user: null, calls: 3 });
  // Whoever signs in again starts anew: nothing says that it is the same person.
  token = "ann";
  expect(await server.value("whoami")).toEqual({ user: "ann", calls: 4 });
});

test("a server's own time for a result is kept from the second call on", async () => {
  await using server = await openServer();
  expect(await server.value("timed")).toMatchObject({ calls: 1 });
  expect(await server.value("timed")).toMatchObject({ calls: 2 });
  expect(await server.value("timed")).toMatchObject({ calls: 2 });
});

test("a server that says its tools changed is asked anew", async () => {
  await using server = await openServer();
  await server.value("whoami");
  server.notify();
  for (let round = 0; round < 500 && server.cache.stats.entries > 0; round += 1) await sleep(10);
  expect(await server.value("whoami")).toMatchObject({ calls: 2 });
});

test("an identity changes with the tokens of either kind of provider, and holds none of them", async () => {
  const tokens = { access_token: "secret-1", token_type: "Bearer", refresh_token: "r" };
  const provider = {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [] },
    clientInformation: () => undefined,
    tokens: () => tokens,
    saveTokens: () => {},
    redirectToAuthorization: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => "",
  };
  const identity = createIdentity(provider);
  const seen = [await identity(), await identity()];
  tokens.access_token = "secret-2";
  seen.push(await identity());
  expect(seen).toEqual(["0", "0", "1"]);
  expect(await createIdentity(undefined)()).toBe("0");
  const failing = createIdentity({ token: () => Promise.reject(new Error("locked")) });
  await expect(failing()).rejects.toThrow("locked");
});
