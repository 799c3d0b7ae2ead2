import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { type OpenHost, openHost, readEvents } from "./setup/open-host.ts";

/** Other suites may have the machine. */
const PATIENT = { timeout: 60_000 };

let errors: RunningServer;
let open: OpenHost;

beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 200 });
  open = await openHost({ servers: { errors: errors.url } });
});

afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await errors.close();
});

const PROGRAM = `console.log("begins");
const { errors: rows } = await tools.errors.list_errors({ limit: 3 });
return rows.map(({ id }) => id);`;

/** A program that goes on until it is ended. */
const ENDLESS = "console.log('here'); for (;;) await new Promise((resolve) => setTimeout(resolve, 20));";

const runId = async (response: Response): Promise<string> => (await response.json()).runId;

/** Asks until the run has ended, and gives what became of it. */
async function ended(id: string): Promise<Record<string, unknown>> {
  for (;;) {
    const run = await (await open.send(`/v1/runs/${id}`)).json();
    if (run.state === "ended") return run.events.at(-1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("a run", () => {
  test("tells what happens while it happens, as NDJSON", async () => {
    const response = await open.send("/v1/runs", { json: { code: PROGRAM } });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const events = await readEvents(response);
    expect(events.map(({ type }) => type)).toEqual(["started", "log", "tool_call", "tool_result", "result"]);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(events.at(-1)).toMatchObject({
      result: { status: "returned", value: ["ERR-00001", "ERR-00002", "ERR-00003"] },
    });
  });

  test("tells it as server-sent events where Accept asks for them", async () => {
    const response = await open.send("/v1/runs", {
      json: { code: "return 6 * 7" },
      headers: { accept: "text/event-stream" },
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const [first = "", last = ""] = (await response.text()).trim().split("\n\n");
    expect(first).toMatch(/^id: 1\nevent: started\ndata: \{"seq":1,"type":"started"/);
    expect(last).toMatch(/^id: 2\nevent: result\ndata: .*"value":42/);
  });

  test("gives its result alone where Accept asks for JSON, whatever became of the program", async () => {
    const ask = async (code: string): Promise<Record<string, unknown>> => {
      const response = await open.send("/v1/runs", {
        json: { code },
        headers: { accept: "application/json" },
      });
      expect(response.status).toBe(200);
      return response.json();
    };
    expect(await ask("return inputs")).toMatchObject({ status: "returned", value: {} });
    expect(await ask("throw new TypeError('no')")).toMatchObject({
      status: "threw",
      error: { name: "TypeError", message: "no", code: 500 },
    });
  });

  test("sends the first event before the program has ended", async () => {
    const leaving = new AbortController();
    const response = await open.send("/v1/runs", { json: { code: ENDLESS }, signal: leaving.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('"type":"started"');
    expect((await reader?.read())?.value).toContain('"text":"here"');
    leaving.abort();
    await reader?.cancel().catch(() => undefined);
  });

  test("ends when its caller goes away, in each form", async () => {
    for (const accept of ["application/x-ndjson", "text/event-stream"]) {
      const leaving = new AbortController();
      const response = await open.send("/v1/runs", {
        json: { code: ENDLESS },
        headers: { accept },
        signal: leaving.signal,
      });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const { value = "" } = (await reader?.read()) ?? {};
      const id = /"runId":"([^"]+)"/.exec(value)?.[1] ?? "";
      leaving.abort();
      expect(await ended(id)).toMatchObject({
        result: { status: "stopped", reason: "cancelled", code: 408 },
      });
    }
    const leaving = new AbortController();
    const waiting = open.send("/v1/runs", {
      json: { code: ENDLESS },
      headers: { accept: "application/json" },
      signal: leaving.signal,
    });
    await expect.poll(openRuns, PATIENT).toBe(1);
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    await expect.poll(openRuns, PATIENT).toBe(0);
  });

  test("goes on without its caller when it is detached, and tells late readers all", async () => {
    const id = await runId(await open.send("/v1/runs", { json: { code: PROGRAM, detach: true } }));
    const late = await open.send(`/v1/runs/${id}`, { headers: { accept: "application/x-ndjson" } });
    const events = await readEvents(late);
    expect(events.map(({ type }) => type)).toEqual(["started", "log", "tool_call", "tool_result", "result"]);
    const again = await open.send(`/v1/runs/${id}`, {
      headers: { accept: "text/event-stream", "last-event-id": "3" },
    });
    expect((await again.text()).match(/^event: .*$/gm)).toEqual(["event: tool_result", "event: result"]);
    expect(await (await open.send(`/v1/runs/${id}`)).json()).toMatchObject({
      runId: id,
      session: "default",
      state: "ended",
      events: [{ type: "started" }, { type: "log" }, {}, {}, { type: "result" }],
    });
  });

  test("is ended by DELETE, which answers when it has", async () => {
    const id = await runId(await open.send("/v1/runs", { json: { code: ENDLESS, detach: true } }));
    const run = await (await open.send(`/v1/runs/${id}`, { method: "DELETE" })).json();
    expect(run).toMatchObject({ state: "ended" });
    expect(run.events.at(-1)).toMatchObject({ result: { status: "stopped", reason: "cancelled" } });
    const again = await open.send(`/v1/runs/${id}`, { method: "DELETE" });
    expect(await again.json()).toEqual(run);
  });

  test("takes limits, inputs, and the tools that it may call", async () => {
    const code = "await tools.errors.analyze_error({ id: inputs.id }); return 1";
    const json = {
      code,
      inputs: { id: "ERR-00001" },
      tools: ["errors.list_errors"],
      limits: { timeoutMs: 5_000 },
    };
    const response = await open.send("/v1/runs", { json, headers: { accept: "application/json" } });
    expect(await response.json()).toMatchObject({ status: "threw", error: { kind: "forbidden", code: 403 } });
  });

  test.for([
    [{}, "invalid_request"],
    [{ code: 1 }, "invalid_request"],
    [{ code: "1", unknown: true }, "invalid_request"],
    [{ code: "1", language: "cobol" }, "invalid_request"],
    [{ code: "1", limits: { timeoutMs: 0 } }, "invalid_request"],
    [{ code: "1", session: "" }, "invalid_request"],
    [{ code: "1", sandbox: "none" }, "unknown_sandbox"],
    [{ code: "1", language: "python" }, "unsupported_language"],
    [{ code: "1", session: `ses_${crypto.randomUUID()}` }, "unknown_session"],
  ] as const)("is refused with 400 before it begins: %j", async ([json, kind]) => {
    const response = await open.send("/v1/runs", { json });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 400, kind } });
  });
});

test("an unknown run is 400, and so is one of another tenant's", async () => {
  for (const method of ["GET", "DELETE"]) {
    const response = await open.send(`/v1/runs/${crypto.randomUUID()}`, { method });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { kind: "unknown_run" } });
  }
});

async function openRuns(): Promise<number> {
  const text = await (await open.send("/metrics")).text();
  return Number(/^mcp_optimizer_open_runs (\d+)$/m.exec(text)?.[1]);
}
