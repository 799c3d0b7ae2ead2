import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { type OpenHost, openHost } from "./setup/open-host.ts";

let errors: RunningServer;
let open: OpenHost;

beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 200 });
  open = await openHost({
    servers: { errors: errors.url },
    intents: [
      {
        name: "fatal_services",
        description: "Services with fatal errors.",
        params: { type: "object", properties: { limit: { type: "integer" } }, additionalProperties: false },
        program: {
          code: `const { errors: rows } = await tools.errors.list_errors({ severity: "fatal", limit: params.limit ?? 50 });
return [...new Set(rows.map(({ service }) => service))].sort();`,
        },
      },
    ],
  });
});

afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await errors.close();
});

describe("sessions", () => {
  test("are created, listed, used by runs, and closed", async () => {
    const created = await open.send("/v1/sessions", { json: { ttlMs: 60_000, metadata: { for: "a test" } } });
    expect(created.status).toBe(201);
    const session = await created.json();
    expect(session).toMatchObject({ ttlMs: 60_000, keepGlobals: false, metadata: { for: "a test" } });
    const { id } = session;

    const run = async (code: string): Promise<unknown> => {
      const json = { code, session: id };
      const response = await open.send("/v1/runs", { json, headers: { accept: "application/json" } });
      return (await response.json()).value;
    };
    await run("await context.set('n', 41)");
    expect(await run("return await context.get('n')")).toBe(41);

    expect(await (await open.send("/v1/sessions")).json()).toMatchObject({ sessions: [{ id }] });
    expect(await (await open.send(`/v1/sessions/${id}`)).json()).toMatchObject({ id, ttlMs: 60_000 });
    const closed = await (await open.send(`/v1/sessions/${id}`, { method: "DELETE" })).json();
    expect(closed).toMatchObject({ id, end: "closed", runs: [{}, {}] });
    const gone = await open.send(`/v1/sessions/${id}`);
    expect(gone.status).toBe(400);
    expect(await gone.json()).toMatchObject({ error: { kind: "unknown_session" } });
  });
});

describe("intents", () => {
  const execute = async (name: string, json: unknown): Promise<unknown> => {
    const response = await open.send(`/v1/intents/${name}`, { json });
    expect(response.status).toBe(200);
    return response.json();
  };

  test("answer as JSON-RPC: a program's, a tool's, an unknown one's", async () => {
    expect(await execute("fatal_services", { id: 7 })).toMatchObject({
      jsonrpc: "2.0",
      id: 7,
      result: {
        value: ["auth", "catalog", "checkout", "gateway", "inventory", "notifications", "payments", "search"],
      },
    });
    expect(await execute("errors.list_errors", { params: { limit: 1 } })).toMatchObject({
      id: null,
      result: { value: { errors: [{ id: "ERR-00001" }] }, route: { way: "mcp" } },
    });
    expect(await execute("no_such", { id: "a" })).toMatchObject({ id: "a", error: { code: 400 } });
    expect(await execute("fatal_services", { params: { limit: "many" } })).toMatchObject({
      error: { code: 400, data: { kind: "invalid_params" } },
    });
  });
});

describe("what the host says of itself", () => {
  test("needs no token for its health, its readiness and its description", async () => {
    const get = async (path: string): Promise<unknown> => (await fetch(open.url + path)).json();
    expect(await get("/healthz")).toEqual({ status: "ok" });
    expect(await get("/readyz")).toMatchObject({ status: "ok", sandboxes: ["quickjs-in-process"] });
    expect(await get("/openapi.json")).toMatchObject({ openapi: "3.1.0" });
    expect(await (await fetch(open.url)).text()).toContain("/openapi.json");
  });

  test("counts runs, calls and cache hits for Prometheus", async () => {
    await using fresh = await openHost({ servers: { errors: errors.url } });
    const code = "for (const _ of [1, 2]) await tools.errors.list_errors({ limit: 1 }); return 1";
    await (await fresh.send("/v1/runs", { json: { code } })).text();
    await (await fresh.send("/v1/runs", { json: { code: "throw 1" } })).text();
    const response = await fresh.send("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    const lines = text.split("\n");
    const program = 'mcp_optimizer_kind="typescript"';
    expect(lines).toEqual(
      expect.arrayContaining([
        `mcp_optimizer_requests_total{mcp_optimizer_status="returned",${program}} 1`,
        `mcp_optimizer_requests_total{mcp_optimizer_status="threw",${program},mcp_optimizer_code="500"} 1`,
        'mcp_optimizer_tool_calls_total{gen_ai_tool_name="errors.list_errors",mcp_optimizer_outcome="ok"} 2',
        "mcp_optimizer_cache_lookups_total 2",
        "mcp_optimizer_cache_hits_total 1",
        "mcp_optimizer_open_runs 0",
      ]),
    );
    for (const line of text.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE|UNIT) \w+ .+|\w+(\{.*\})? [\d.e-]+)$/);
  });

  test("says no to what it does not know", async () => {
    expect((await open.send("/v1/servers", { json: {} })).status).toBe(400);
    expect((await open.send("/v1/runs", { method: "PUT" })).status).toBe(400);
    expect((await open.send("/favicon.ico")).status).toBe(404);
  });
});
