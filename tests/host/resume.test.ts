import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { memory } from "../../src/context/memory.ts";
import type { HostOptions } from "../../src/host/host-options.ts";
import { wasm } from "../../src/host/sandbox/wasm.ts";
import { newToken, type Scope, tokenDigest } from "../../src/host/tokens.ts";
import { type OpenHost, openHost, readEvents } from "./setup/open-host.ts";

const [person, agent, stranger] = [newToken(), newToken(), newToken()];
const grant = (token: string, tenant: string, scopes?: readonly Scope[]) => ({
  sha256: tokenDigest(token),
  tenant,
  ...(scopes === undefined ? {} : { scopes }),
});

let errors: RunningServer;
let options: Partial<HostOptions>;
let open: OpenHost;

beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 200 });
  options = {
    servers: { errors: errors.url },
    policy: { grants: { "errors.fix_error": "ask" } },
    tokens: [
      grant(person, "acme"),
      grant(agent, "acme", ["run", "intents", "mcp"]),
      grant(stranger, "other"),
    ],
  };
  open = await openHost(options);
});

afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await errors.close();
});

interface Suspended {
  readonly status: string;
  readonly runId: string;
  readonly resume: string;
  readonly approvals: readonly { readonly id: string; readonly tool: string }[];
}

const ALONE = { accept: "application/json" };

const fix = (id: string): string => `
  console.log("before");
  const before = [1, 2, 3];
  try {
    const { changed } = await tools.errors.fix_error({ id: "${id}", strategy: "patch_input" });
    return { changed, before };
  } catch ({ kind, message }) { return { kind, message } }`;

/** Runs a program up to where a person has to decide. */
async function suspend(id: string, session = "of the agent", host = open): Promise<Suspended> {
  const json = { code: fix(id), session };
  const response = await host.send("/v1/runs", { token: agent, json, headers: ALONE });
  const run: Suspended = await response.json();
  expect(run).toMatchObject({ status: "suspended", approvals: [{ tool: "errors.fix_error" }] });
  return run;
}

const decide = ({ approvals }: Suspended, decision: object): object => ({
  decisions: Object.fromEntries(approvals.map(({ id }) => [id, decision])),
});

const resumeAt = (run: Pick<Suspended, "resume">): string =>
  `/v1/runs/${encodeURIComponent(run.resume)}/resume`;

describe("a suspended run", () => {
  test("goes on when it is allowed, where it was, and tells its events", async () => {
    const run = await suspend("ERR-00010");
    const json = decide(run, { allow: true });
    const events = await readEvents(await open.send(resumeAt(run), { token: person, json }));
    expect(events.map(({ type }) => type)).toEqual(["started", "tool_call", "tool_result", "result"]);
    expect(events.at(-1)).toMatchObject({
      result: {
        status: "returned",
        runId: run.runId,
        value: { changed: true, before: [1, 2, 3] },
        logs: [{ text: "before" }],
      },
    });
    const kept = await (await open.send(`/v1/runs/${run.runId}`, { token: agent })).json();
    expect(kept).toMatchObject({ state: "ended" });
    expect(kept.events.at(-1)).toMatchObject({ result: { status: "returned" } });
  });

  test("is told when it is denied, with why", async () => {
    const run = await suspend("ERR-00011");
    const json = decide(run, { allow: false, message: "not today" });
    const response = await open.send(resumeAt(run), { token: person, json, headers: ALONE });
    expect(await response.json()).toMatchObject({
      status: "returned",
      value: { kind: "denied", message: expect.stringContaining("not today") },
    });
  });

  test("goes on without its caller when it is detached, and once", async () => {
    const run = await suspend("ERR-00012");
    const json = { ...decide(run, { allow: true }), detach: true };
    const response = await open.send(resumeAt(run), { token: person, json });
    expect(await response.json()).toEqual({ runId: run.runId, session: "of the agent" });
    const again = await open.send(resumeAt(run), { token: person, json });
    expect(again.status).toBe(400);
    expect(await again.json()).toMatchObject({ error: { kind: "unknown_token" } });
  });

  test("waits on when a decision is missing, or is none", async () => {
    const run = await suspend("ERR-00013");
    for (const [json, kind] of [
      [{ decisions: {} }, "missing_decision"],
      [{}, "invalid_request"],
      [decide(run, { allow: "yes" }), "invalid_request"],
      [decide(run, { allow: true, always: true }), "invalid_request"],
    ] as const) {
      const response = await open.send(resumeAt(run), { token: person, json });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 400, kind } });
    }
    const json = decide(run, { allow: true });
    const response = await open.send(resumeAt(run), { token: person, json, headers: ALONE });
    expect(await response.json()).toMatchObject({ status: "returned", value: { changed: true } });
  });

  test("is refused to who may only run, and unknown to another tenant", async () => {
    const run = await suspend("ERR-00014");
    const json = decide(run, { allow: true });
    const byAgent = await open.send(resumeAt(run), { token: agent, json });
    expect(byAgent.status).toBe(403);
    expect(await byAgent.json()).toMatchObject({ error: { kind: "missing_scope" } });
    const byStranger = await open.send(resumeAt(run), { token: stranger, json });
    expect(byStranger.status).toBe(400);
    expect(await byStranger.json()).toMatchObject({ error: { kind: "unknown_token" } });
    const byNobody = await open.send(resumeAt(run), { token: "x", json });
    expect(byNobody.status).toBe(401);
    const response = await open.send(resumeAt(run), { token: person, json, headers: ALONE });
    expect(await response.json()).toMatchObject({ status: "returned" });
  });

  test.for(["x", "~", "default~x", `default~${crypto.randomUUID()}`, "%25zz~", "a%2Fb"])(
    "is not found by the token %s",
    async (token) => {
      const response = await open.send(`/v1/runs/${token}/resume`, {
        token: person,
        json: { decisions: {} },
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { kind: "unknown_token" } });
    },
  );

  test("goes on at another host over the same store, when the first is gone", async () => {
    await using context = memory();
    const first = await openHost({ ...options, context });
    const run = await suspend("ERR-00015", "a / ~ session", first);
    await first[Symbol.asyncDispose]();
    await using second = await openHost({ ...options, context });
    const json = decide(run, { allow: true });
    const response = await second.send(resumeAt(run), { token: person, json, headers: ALONE });
    expect(await response.json()).toMatchObject({ status: "returned", value: { changed: true } });
  });

  test("may be an intent's: the call of one tool", async () => {
    const json = { id: 1, params: { id: "ERR-00016", strategy: "patch_input" } };
    const response = await open.send("/v1/intents/errors.fix_error", { token: agent, json });
    const { result } = await response.json();
    const goOn = { token: person, json: decide(result.suspended, { allow: true }), headers: ALONE };
    expect(await (await open.send(resumeAt(result.suspended), goOn)).json()).toMatchObject({
      status: "returned",
      value: { id: "ERR-00016", changed: true },
    });
  });
});

test("run_code of /mcp says that a run is suspended, and how to go on", async () => {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const requestInit = { headers: { authorization: `Bearer ${agent}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${open.url}/mcp`), { requestInit }));
  const { content, isError } = await client.callTool({
    name: "run_code",
    arguments: { code: fix("ERR-00017") },
  });
  await client.close();
  expect(isError).toBeUndefined();
  const said = JSON.parse(content[0]?.type === "text" ? content[0].text : "null");
  expect(said).toMatchObject({ status: "suspended", hint: expect.stringContaining("approve") });
  const [, path = ""] = /POST (\S+) /.exec(said.hint) ?? [];
  const response = await open.send(path, {
    token: person,
    json: decide(said, { allow: true }),
    headers: ALONE,
  });
  expect(await response.json()).toMatchObject({ status: "returned", value: { changed: true } });
});

test("a program in a process of its own waits, and goes on in another one", async () => {
  await using host = await openHost({ ...options, sandboxes: [wasm()], leastStrength: "language" });
  const run = await suspend("ERR-00020", "in a process", host);
  const json = decide(run, { allow: true });
  const response = await host.send(resumeAt(run), { token: person, json, headers: ALONE });
  expect(await response.json()).toMatchObject({
    status: "returned",
    runId: run.runId,
    value: { changed: true, before: [1, 2, 3] },
    logs: [{ text: "before" }],
  });
}, 180_000);
