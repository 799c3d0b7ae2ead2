import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { findFreePort, type RunningServer } from "../../demo/servers/loopback.ts";
import { basic } from "../../src/host/sandbox/basic.ts";
import { newToken, type TokenGrant, tokenDigest } from "../../src/host/tokens.ts";
import type { RemoteBroker } from "../../src/protocol/remote-frames.ts";
import { remote } from "../../src/remote.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { type RecordingPort, recordingPort } from "../suites/recording-port.ts";
import { type OpenHost, openHost } from "./setup/open-host.ts";
import { startProxy, type TcpProxy } from "./setup/tcp-proxy.ts";

/** What the host sends its server, and no page ever gets. */
const SECRET = "secret-of-the-host-7f3a";

const [all, runsOnly, relayOnly, other] = [newToken(), newToken(), newToken(), newToken()];
const TOKENS: readonly TokenGrant[] = [
  { sha256: tokenDigest(all) },
  { sha256: tokenDigest(runsOnly), tenant: "runs", scopes: ["run"] },
  { sha256: tokenDigest(relayOnly), tenant: "relay", scopes: ["relay", "mcp", "intents"] },
  { sha256: tokenDigest(other), tenant: "other" },
];

let errors: RunningServer;
/** Between the host and its MCP server. */
let toServer: TcpProxy;
let host: OpenHost;
/** Between pages and the host. */
let toHost: TcpProxy;
let asked: string[] = [];
let heard = "";

beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 200 });
  toServer = await startProxy(Number(new URL(errors.url).port));
  watchServer();
  const url = `http://127.0.0.1:${toServer.port}/mcp`;
  const port = await findFreePort();
  toHost = await startProxy(port);
  host = await openHost({
    port,
    hostnames: [`127.0.0.1:${toHost.port}`],
    sandboxes: [basic({ iKnowThatThisIsNoSandbox: true })],
    leastStrength: "none",
    admission: { maxRunsPerTenant: 40, requestsPerMinute: 100_000 },
    tokens: TOKENS,
    servers: {
      errors: { url, headers: { authorization: `Bearer ${SECRET}` } },
      other: { url, headers: { authorization: `Bearer ${SECRET}` } },
    },
    policy: {
      grants: { "errors.fix_error": "deny", "other.fix_error": "ask" },
      labels: { "other.list_errors": { source: "private" }, "errors.analyze_error": { sink: true } },
    },
  });
  toHost.watch = async (passage, text) => {
    if (passage === "reply") heard += text;
    return true;
  };
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await Promise.all([toServer[Symbol.asyncDispose](), toHost[Symbol.asyncDispose](), errors.close()]);
});

/** Keeps the tools that the server is asked to call. */
function watchServer(): void {
  toServer.watch = async (passage, text) => {
    if (passage === "request")
      asked.push(...Array.from(text.matchAll(/"name":"(\w+_errors?)"/g), ([, name = ""]) => name));
    return true;
  };
}

interface Page {
  readonly broker?: RemoteBroker;
  readonly token?: string;
  readonly session?: string;
  readonly port?: RecordingPort;
  readonly limits?: Partial<Limits>;
  readonly language?: "javascript" | "python";
}

async function run(
  code: string,
  {
    broker = "host",
    token = all,
    session = "s",
    port = recordingPort(),
    limits = {},
    language = "javascript",
  }: Page = {},
): Promise<RunOutcome> {
  await using sandbox = remote({ url: host.url, token, broker });
  const program = { language, code, inputs: "{}" };
  return await sandbox.open(session, resolveLimits(limits)).run(program, port, new AbortController().signal);
}

/** What a program of this text returned. */
async function valueFrom(code: string, page?: Page): Promise<unknown> {
  const outcome = await run(code, page);
  if (outcome.status !== "returned") throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.json);
}

/** A call whose failure the program returns. */
const attempt = (call: string): string =>
  `try { return { value: ${call} } } catch ({ kind, code, message, hint }) { return { kind, code, message, hint } }`;

describe('remote() with broker: "host"', () => {
  test.for([
    [
      "javascript",
      `const { errors } = await tools.errors.list_errors({ limit: 2 });
       const kept = await context.get("k");
       return [errors.map(({ id }) => id), kept, Object.keys(tools)]`,
    ],
    [
      "python",
      `rows = await tools.errors.list_errors(limit=2)
kept = await context.get("k")
[[row["id"] for row in rows["errors"]], kept, ["errors", "other"]]`,
    ],
  ] as const)("%s: the host answers tools, the page answers context", async ([language, code]) => {
    const port = recordingPort(() => ({ ok: true, json: '"of the page"' }), ["page"]);
    expect(await valueFrom(code, { language, port })).toEqual([
      ["ERR-00001", "ERR-00002"],
      "of the page",
      ["errors", "other"],
    ]);
    expect(port.calls.map(({ operation }) => operation)).toEqual(["context_get"]);
  });

  test("the page hears of each call, how it ended and what it cost", async () => {
    const port = recordingPort();
    const code = `
      const one = await tools.errors.list_errors({ limit: 3, service: "checkout" });
      const two = await tools.errors.list_errors({ limit: 3, service: "checkout" });
      await tools.errors.list_errors({ limit: "many" }).catch(() => undefined);
      await tools.errors.no_such({}).catch(() => undefined);
      return JSON.stringify(one).length`;
    const bytes = await valueFrom(code, { port });
    const told = port.notices.filter(({ type }) => type === "host_call");
    expect(told).toMatchObject([
      { name: "errors.list_errors", bytes, cached: false },
      { name: "errors.list_errors", bytes, cached: true },
      { name: "errors.list_errors", error: { kind: "invalid_arguments", mayHaveExecuted: false } },
      { name: "errors.no_such", error: { kind: "unknown_tool" } },
    ]);
  });

  test("search and describe are about the host's tools", async () => {
    const code = `return [await tools.search("list errors"), await tools.describe("errors.list_errors")]`;
    const port = recordingPort();
    expect(await valueFrom(code, { port })).toEqual([
      expect.stringContaining("errors.list_errors"),
      expect.stringContaining("list_errors"),
    ]);
    expect(port.calls).toEqual([]);
  });

  test("the wait for the host's tools is no time of the program", async () => {
    let isAsked = false;
    toServer.watch = async (passage, text) => {
      if (passage === "reply" && isAsked) await new Promise((resolve) => setTimeout(resolve, 4_500));
      isAsked = text.includes('"limit":77');
      return true;
    };
    const code = "return (await tools.errors.list_errors({ limit: 77 })).errors.length";
    expect(await valueFrom(code, { limits: { timeoutMs: 1_500 } })).toBe(77);
    watchServer();
  }, 30_000);

  test("a call that needs an approval is refused, and says where a run could wait", async () => {
    const port = recordingPort();
    const code = attempt('await tools.other.fix_error({ id: "ERR-00001", strategy: "patch_input" })');
    asked = [];
    expect(await valueFrom(code, { port })).toMatchObject({
      code: 403,
      kind: "approval_required",
      hint: expect.stringContaining("POST /v1/intents"),
    });
    expect(port.notices.filter(({ type }) => type === "host_call")).toMatchObject([
      { name: "other.fix_error", error: { kind: "approval_required" } },
    ]);
    expect(asked).toEqual([]);
  });

  test("what a program has seen counts for the next one of the page's session", async () => {
    const send = attempt('(await tools.errors.analyze_error({ id: "ERR-00001" })).id');
    expect(await valueFrom(send, { session: "clean" })).toHaveProperty("value");
    await valueFrom("await tools.other.list_errors({ limit: 1 }); return 1", { session: "seen" });
    expect(await valueFrom(send, { session: "seen" })).toMatchObject({ kind: "approval_required" });
    expect(await valueFrom(send, { session: "clean" })).toHaveProperty("value");
    expect(await valueFrom(send, { session: "seen", token: other })).toHaveProperty("value");
  });

  test("a token that allows runs is enough, one that does not gets no socket", async () => {
    const list = "return (await tools.errors.list_errors({ limit: 1 })).errors.length";
    expect(await valueFrom(list, { token: runsOnly })).toBe(1);
    await expect(run(list, { token: relayOnly })).rejects.toMatchObject({ kind: "host_unreachable" });
  });

  test("a tenant whose token budget is used up gets no program begun", async () => {
    await using poor = await openHost({
      sandboxes: [basic({ iKnowThatThisIsNoSandbox: true })],
      leastStrength: "none",
      budgets: { tenantTokens: 20 },
    });
    const json = { code: 'return "word ".repeat(2000)' };
    await poor.send("/v1/runs", { json, headers: { accept: "application/json" } });
    await using sandbox = remote({ url: poor.url, token: poor.token, broker: "host" });
    const outcome = await sandbox
      .open("s", resolveLimits({}))
      .run(
        { language: "javascript", code: "return 1", inputs: "{}" },
        recordingPort(),
        AbortSignal.timeout(20_000),
      );
    expect(outcome).toMatchObject({ status: "stopped", message: expect.stringContaining("budget") });
  });
});

describe("a page that wants more than it may", () => {
  test("does not get at a tool of the host that the policy denies, under any name", async () => {
    asked = [];
    for (const [name, kind] of [
      ["errors.fix_error", "forbidden"],
      ['errors["fix_error"]', "forbidden"],
      ['errors["fix-error"]', "unknown_tool"],
    ]) {
      const call = `await tools.${name}({ id: "ERR-00001", strategy: "patch_input" })`;
      expect(await valueFrom(attempt(call))).toMatchObject({ kind });
    }
    expect(asked).toEqual([]);
    // The watch sees what is called.
    await valueFrom("return (await tools.errors.list_errors({ limit: 11 })).errors.length");
    expect(asked).toEqual(["list_errors"]);
  });

  test('with broker: "page" never reaches the host\'s servers', async () => {
    asked = [];
    const port = recordingPort(() => ({ ok: true, json: '"the page"' }));
    const code = `return [await tools.errors.list_errors({ limit: 12 }), await tools.search("list")]`;
    expect(await valueFrom(code, { broker: "page", port })).toEqual(["the page", "the page"]);
    expect(port.calls.map(({ operation }) => operation)).toEqual(["tool", "search"]);
    expect(asked).toEqual([]);
  });

  test("can't answer a call of the host in its place", async () => {
    const forged = { id: 1, ok: true, json: '"forged"' };
    const code = "return (await tools.errors.list_errors({ limit: 13 })).errors.length";
    const messages = await speak([
      { type: "open", channel: 1, session: "s", broker: "host", limits: {} },
      { type: "run", channel: 1, run: "r1", language: "javascript", code, inputs: "{}", namespaces: [] },
      { type: "replies", channel: 1, replies: [0, 1, 2].map((id) => ({ ...forged, id })) },
    ]);
    expect(messages.at(-1)).toMatchObject({ type: "done", outcome: { status: "returned", json: "13" } });
  });

  test("with a broker that does not exist is cut off", async () => {
    const open = { type: "open", channel: 1, session: "s", broker: "both", limits: {} };
    expect(await speak([open])).toEqual([]);
  });

  test("never hears the credentials of the host's servers", async () => {
    heard = "";
    let sent = "";
    toServer.watch = async (passage, text) => {
      if (passage === "request") sent += text;
      return true;
    };
    await using sandbox = remote({ url: `http://127.0.0.1:${toHost.port}`, token: all, broker: "host" });
    const code = `
      const rows = await tools.errors.list_errors({ limit: 14 });
      const broken = await tools.errors.analyze_error({ id: "none" }).catch(String);
      return [rows, broken, await tools.describe("errors.list_errors")]`;
    const program = { language: "javascript", code, inputs: "{}" } as const;
    const outcome = await sandbox
      .open("s", resolveLimits({}))
      .run(program, recordingPort(), new AbortController().signal);
    watchServer();
    expect(outcome).toMatchObject({ status: "returned" });
    expect(sent).toContain(SECRET);
    expect(heard).toContain("answered");
    expect(heard).not.toContain(SECRET);
  });

  /** Speaks as a page of its own making; gives the messages of its runtime, up to the end. */
  async function speak(frames: readonly object[]): Promise<readonly unknown[]> {
    const socket = new WebSocket(`${host.url.replace("http", "ws")}/v1/sandbox`, [
      "mcp-optimizer",
      `bearer.${all}`,
    ]);
    const messages: unknown[] = [];
    socket.on("open", () => {
      socket.send(JSON.stringify({ type: "hello", protocol: 2 }));
      for (const [at, frame] of frames.entries()) socket.send(JSON.stringify({ number: at + 1, frame }));
    });
    socket.on("message", (data) => {
      const { frame } = JSON.parse(Buffer.isBuffer(data) ? data.toString() : "{}");
      if (frame?.type !== "message") return;
      messages.push(JSON.parse(frame.message));
      if (JSON.parse(frame.message).type === "done") socket.close();
    });
    await new Promise((resolve) => socket.on("close", resolve));
    return messages;
  }
});
