import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { createMCPClient } from "@ai-sdk/mcp";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { type OpenHost, openHost } from "./setup/open-host.ts";

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

const CODE = "const { errors: rows } = await tools.errors.list_errors({ limit: 2 }); return rows.length";
const TOOLS = ["run_code", "search_tools"];

/** What a model reads of an answer. */
function outputOf(answer: unknown): unknown {
  const { content } = answer as { readonly content: readonly { readonly text?: string }[] };
  return JSON.parse(content[0]?.text ?? "null");
}

describe("the MCP Inspector", () => {
  const inspect = (args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> =>
    new Promise((resolve) => {
      const bin = createRequire(import.meta.url).resolve("@modelcontextprotocol/inspector/package.json");
      const { bin: bins } = createRequire(import.meta.url)(bin);
      const entry = new URL(bins["mcp-inspector"], `file://${bin}`).pathname;
      const where = [
        `${open.url}/mcp`,
        "--transport",
        "http",
        "--header",
        `Authorization: Bearer ${open.token}`,
      ];
      const child = execFile(
        process.execPath,
        [entry, "--cli", ...where, "--stored-auth-only", "--format", "json", ...args],
        (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
      );
    });

  test.for(["modern", "legacy", "auto"])("lists the tools strictly, and calls them: %s", async (era) => {
    const listed = await inspect(["--protocol-era", era, "--method", "tools/list", "--strict"]);
    expect(listed).toMatchObject({ code: 0 });
    for (const name of TOOLS) expect(listed.output).toContain(`"${name}"`);
    const args = ["--method", "tools/call", "--tool-name", "run_code"];
    const called = await inspect([
      "--protocol-era",
      era,
      ...args,
      "--tool-args-json",
      JSON.stringify({ code: CODE }),
    ]);
    expect(called).toMatchObject({ code: 0 });
    expect(called.output).toContain('{\\"status\\":\\"returned\\",\\"value\\":2}');
  });

  test("sees a program that failed as a tool error", async () => {
    const args = JSON.stringify({ code: "throw new TypeError('wrong')" });
    const called = await inspect([
      ...["--protocol-era", "auto", "--method", "tools/call", "--tool-name", "run_code"],
      ...["--tool-args-json", args],
    ]);
    expect(called.code).toBe(5);
    expect(called.output).toContain("wrong");
  });
});

describe("other clients", () => {
  const headers = (): Record<string, string> => ({ authorization: `Bearer ${open.token}` });

  test("the AI SDK's", async () => {
    const client = await createMCPClient({
      transport: { type: "http", url: `${open.url}/mcp`, headers: headers() },
    });
    const tools = await client.tools();
    expect(Object.keys(tools).sort()).toEqual(TOOLS);
    const answer = await tools["run_code"]?.execute?.(
      { code: CODE },
      { toolCallId: "1", messages: [], context: {} },
    );
    expect(outputOf(answer)).toEqual({ status: "returned", value: 2 });
    await client.close();
  });

  test("that of the SDK's first version", async () => {
    const client = new OlderClient({ name: "test", version: "1" });
    const requestInit = { headers: headers() };
    await client.connect(new OlderTransport(new URL(`${open.url}/mcp`), { requestInit }));
    expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual(TOOLS);
    expect(outputOf(await client.callTool({ name: "run_code", arguments: { code: CODE } }))).toMatchObject({
      value: 2,
    });
    await client.close();
  });

  test("that of the current one: it hears which tools are called, and ends a run by leaving", async () => {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
    const requestInit = { headers: headers() };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${open.url}/mcp`), { requestInit }));
    const heard: (string | undefined)[] = [];
    const answer = await client.callTool(
      { name: "run_code", arguments: { code: CODE } },
      { onprogress: ({ message }) => void heard.push(message) },
    );
    expect(outputOf(answer)).toMatchObject({ value: 2 });
    expect(heard).toEqual(["calls errors.list_errors"]);
    const found = await client.callTool({ name: "search_tools", arguments: { query: "fix an error" } });
    expect(JSON.stringify(found)).toContain("errors.fix_error(id, strategy");

    const leaving = new AbortController();
    const endless = client.callTool(
      { name: "run_code", arguments: { code: "for (;;) await new Promise((go) => setTimeout(go, 10))" } },
      { signal: leaving.signal },
    );
    await expect.poll(openRuns, PATIENT).toBe(1);
    leaving.abort();
    await expect(endless).rejects.toThrow();
    await expect.poll(openRuns, PATIENT).toBe(0);
    await client.close();
  });

  test("an agent without a token gets nothing", async () => {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
    const transport = new StreamableHTTPClientTransport(new URL(`${open.url}/mcp`));
    await expect(client.connect(transport)).rejects.toThrow();
  });
});

async function openRuns(): Promise<number> {
  const text = await (await open.send("/metrics")).text();
  return Number(/^mcp_optimizer_open_runs (\d+)$/m.exec(text)?.[1]);
}
