import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createOptimizer, memory, type Optimizer, type RunEvent } from "../../src/index.ts";
import type { Seen } from "./setup/changing-server.ts";

const servers = inject("servers");

const page = {
  now: { description: "The time of this page", call: () => "12:00" },
  double: {
    description: "Doubles a number",
    inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
    call: ({ n }: { readonly n?: unknown }) => Number(n) * 2,
  },
  wait: {
    description: "Waits until the run ends",
    call: (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
      new Promise((resolve) => signal.addEventListener("abort", resolve)),
  },
};

/** Resolves when `holds` does, asked in turns; the test's own time bounds it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const seen = async (): Promise<Seen> => (await fetch(new URL("/seen", servers.changing))).json();

describe("an optimizer over real servers", () => {
  let optimizer: Optimizer;

  beforeAll(async () => {
    optimizer = await createOptimizer({
      servers: { errors: servers.errors, everything: servers.everything, changing: servers.changing },
      tools: page,
    });
  });
  afterAll(() => optimizer[Symbol.asyncDispose]());

  test("counts 10,000 rows down to a few", async () => {
    const code = `
      interface Row { service: string; severity: string; occurrences: number }
      const { errors, total }: { errors: Row[]; total: number } = await tools.errors.list_errors({ limit: 10000 });
      const services = new Set(errors.map((row) => row.service));
      return { total, rows: errors.length, services: services.size, worst: Math.max(...errors.map((row) => row.occurrences)) > 0 };`;
    const result = await optimizer.run({ code });
    expect(result).toMatchObject({ status: "returned", value: { total: 10_000, rows: 10_000, worst: true } });
    expect(result.toolCalls).toEqual([
      { name: "errors.list_errors", ms: expect.any(Number), bytes: expect.any(Number), cached: false },
    ]);
    expect(result.toolCalls[0]?.bytes).toBeGreaterThan(2_000_000);
    expect(result.usage.tokens).toBeLessThan(40);
    expect(result.usage.tokensSaved).toBeGreaterThan(500_000);
  });

  test("asks a reading tool once, until a writing tool of its server was called", async () => {
    const read = "const row = await tools.errors.analyze_error({ id: 'ERR-00007' }); return row.id";
    const cachedOf = async (code: string): Promise<readonly boolean[]> => {
      const { toolCalls, ...result } = await optimizer.run({ code });
      expect(result).toMatchObject({ status: "returned" });
      return toolCalls.map(({ cached }) => cached);
    };
    const before = optimizer.cache.stats;
    expect(await cachedOf(read)).toEqual([false]);
    expect(await cachedOf(read)).toEqual([true]);
    expect(
      await cachedOf(
        "await Promise.all([1, 2].map(() => tools.errors.list_errors({ limit: 2, severity: 'fatal' })))",
      ),
    ).toEqual([false, true]);
    const fix =
      "await tools.errors.fix_error({ id: 'ERR-00007', strategy: 'retry_with_backoff', dryRun: true })";
    expect(await cachedOf(fix)).toEqual([false]);
    expect(optimizer.cache.stats).toEqual({
      hits: before.hits + 1,
      misses: before.misses + 2,
      shared: before.shared + 1,
      entries: 0,
      bytes: 0,
    });
    expect(await cachedOf(read)).toEqual([false]);
    optimizer.cache.clear("errors");
    expect(optimizer.cache.stats.entries).toBe(0);
    expect(await cachedOf(read)).toEqual([false]);
  });

  test("calls several servers and the page at one time", async () => {
    const code = `
      const [{ total }, sum, doubled, now] = await Promise.all([
        tools.errors.list_errors({ limit: 1, severity: "fatal" }),
        tools.everything.get_sum({ a: 2, b: 3 }),
        tools.page.double({ n: 4 }),
        tools.page.now(),
      ]);
      return { fatal: total > 0, sum, doubled, now };`;
    expect(await optimizer.run({ code })).toMatchObject({
      status: "returned",
      value: { fatal: true, sum: expect.stringContaining("5"), doubled: 8, now: "12:00" },
    });
  });

  test("finds and describes tools from within a program", async () => {
    const code = `return {
      found: (await tools.search("list the errors of a service", 3)).split("\\n"),
      signature: await tools.describe("errors.list_errors"),
    }`;
    const result = await optimizer.run({ code });
    if (result.status !== "returned") expect.fail(JSON.stringify(result));
    const { found, signature } = Object(result.value);
    expect(found).toHaveLength(3);
    expect(found[0]).toMatch(/^errors\.list_errors\b/);
    expect(signature).toContain("list_errors");
    expect(signature).toContain("severity");
  });

  test("finds and describes tools for the page", async () => {
    expect(optimizer.search("double a number", { limit: 1 })).toMatchObject([
      { ref: "page.double", available: true },
    ]);
    const { text } = await optimizer.describe(["errors.fix_error"], { maxTokens: 300 });
    expect(text).toContain("fix_error");
    await expect(optimizer.describe(["errors.fix_eror"])).rejects.toMatchObject({
      code: 400,
      kind: "unknown_tool",
      hint: expect.stringContaining("tools.errors.fix_error"),
    });
  });

  test("gives bytes of a server as bytes", async () => {
    const code = `
      const blocks = await tools.everything.get_tiny_image({});
      const image = blocks.find((block) => block.type === "image");
      return [image.mimeType, image.bytes instanceof Uint8Array, [...image.bytes.subarray(1, 4)].map((n) => String.fromCharCode(n)).join("")]`;
    expect(await optimizer.run({ language: "javascript", code })).toMatchObject({
      value: ["image/png", true, "PNG"],
    });
  });

  test("tells what happens in the order in which it happens", async () => {
    const events: RunEvent[] = [];
    const result = await optimizer.run(
      {
        code: "console.log('start'); const n = await tools.page.double({ n: 1 }); console.warn({ n }); return n",
      },
      { session: "events", onEvent: (event) => events.push(event) },
    );
    expect(events).toEqual([
      { type: "started", runId: result.runId, session: "events" },
      { type: "running" },
      { type: "log", level: "log", text: "start" },
      { type: "tool_call", call: 1, name: "page.double", args: { n: 1 } },
      { type: "tool_result", call: 1, name: "page.double", ms: expect.any(Number), bytes: 1, cached: false },
      { type: "log", level: "warn", text: '{"n":2}' },
      { type: "finished", result },
    ]);
  });

  test("runs of one session share context, runs of others do not", async () => {
    const write =
      "await context.set('rows', { at: new Date(0), bytes: new Uint8Array([7]) }); return await context.keys()";
    expect(await optimizer.run({ code: write }, { session: "one" })).toMatchObject({
      value: ["rows"],
      session: "one",
    });
    const read = "const rows = await context.get('rows'); return rows && [rows.at, rows.bytes[0]]";
    expect(await optimizer.run({ code: read }, { session: "one" })).toMatchObject({
      value: ["1970-01-01T00:00:00.000Z", 7],
    });
    expect(await optimizer.run({ code: read }, { session: "two" })).toMatchObject({ value: null });
    expect(
      await optimizer.run({ code: "return await context.delete('rows')" }, { session: "one" }),
    ).toMatchObject({ value: true });
    expect(await optimizer.run({ code: read }, { session: "one" })).toMatchObject({ value: null });
  });

  test("cancelling a run aborts its call on the server", async () => {
    const before = await seen();
    const controller = new AbortController();
    const running = optimizer.run({ code: "await tools.changing.wait({})" }, { signal: controller.signal });
    await until(async () => (await seen()).started === before.started + 1);
    controller.abort();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled", code: 408 });
    await until(async () => (await seen()).cancelled === before.cancelled + 1);
  });

  test("a tool that joins on the server joins the manifest and the one tool", async () => {
    const before = optimizer.manifest().servers["changing"] ?? 0;
    const savings = optimizer.manifest().tokenSavings.classic;
    const changed = new Promise<void>((resolve) => {
      const stop = optimizer.onChange(() => {
        if (optimizer.manifest().servers["changing"] !== before + 1) return;
        stop();
        resolve();
      });
    });
    await fetch(new URL("/add?name=second", servers.changing));
    await changed;
    expect(optimizer.manifest().tokenSavings.classic).toBeGreaterThan(savings);
    expect(optimizer.search("second")[0]?.ref).toBe("changing.second");
    expect(await optimizer.run({ code: "return await tools.changing.second({ n: 3 })" })).toMatchObject({
      value: "second 3",
    });
  });

  test("answers a request by intent", async () => {
    expect(await optimizer.execute({ intent: "list_errors", params: { limit: 1 }, id: 1 })).toMatchObject({
      jsonrpc: "2.0",
      id: 1,
      result: { value: { total: 10_000 }, runId: expect.any(String), usage: { tokens: expect.any(Number) } },
    });
    expect(await optimizer.execute({ intent: "run_code", params: { code: "1 + 1" }, id: "a" })).toMatchObject(
      {
        id: "a",
        result: { value: 2 },
      },
    );
    expect(await optimizer.execute({ intent: "page.double", params: { n: 5 } })).toMatchObject({
      id: null,
      result: { value: 10 },
    });
  });

  test("answers 400 with the nearest names or the field to repair", async () => {
    expect(await optimizer.execute({ intent: "errors.list_eror", id: 2 })).toEqual({
      jsonrpc: "2.0",
      id: 2,
      error: {
        code: 400,
        message: "There is no intent errors.list_eror.",
        data: {
          kind: "unknown_intent",
          retryable: false,
          hint: expect.stringContaining("tools.errors.list_errors"),
        },
      },
    });
    expect(
      await optimizer.execute({ intent: "errors.list_errors", params: { limit: "all" }, id: 3 }),
    ).toMatchObject({
      error: {
        code: 400,
        message: expect.stringMatching(/limit.*(?:integer|number)/),
        data: {
          kind: "invalid_arguments",
          hint: expect.stringContaining("errors.list_errors"),
          runId: expect.any(String),
        },
      },
    });
    expect(
      await optimizer.execute({ intent: "run_code", params: { code: "const a = ;" }, id: 4 }),
    ).toMatchObject({
      error: { code: 400, message: expect.stringContaining("(line 1)"), data: { kind: "syntax" } },
    });
    expect(await optimizer.execute({ intent: "run_code", params: {} })).toMatchObject({
      error: { code: 400, data: { kind: "invalid_request" } },
    });
    expect(
      await optimizer.execute({ intent: "run_code", params: { code: "await tools.errors.list_eror({})" } }),
    ).toMatchObject({
      error: {
        code: 400,
        data: { kind: "unknown_tool", hint: expect.stringContaining("tools.errors.list_errors") },
      },
    });
  });

  test("answers 408 for a program past its time and for a cancelled one", async () => {
    const forever = { intent: "run_code", params: { code: "while (true);" }, id: 5 };
    expect(await optimizer.execute(forever, { limits: { timeoutMs: 100 } })).toMatchObject({
      error: {
        code: 408,
        message: "The program ran longer than 100 ms.",
        data: { kind: "timeout", retryable: false },
      },
    });
    expect(await optimizer.execute(forever, { signal: AbortSignal.abort() })).toMatchObject({
      error: { code: 408, data: { kind: "cancelled", retryable: true } },
    });
  });

  test("answers 429 for every budget, and how to stay inside", async () => {
    const run = (code: string, limits: object) =>
      optimizer.execute({ intent: "run_code", params: { code }, id: 6 }, { limits });
    expect(await run("for (;;) await tools.page.now()", { maxToolCalls: 2 })).toMatchObject({
      error: { code: 429, data: { kind: "tool_calls" } },
    });
    expect(await run("return 'x'.repeat(5000)", { maxOutputBytes: 1000 })).toMatchObject({
      error: { code: 429, data: { kind: "output" } },
    });
    expect(
      await run("const all = []; for (;;) all.push(new Array(1e5).fill(0))", {
        memoryBytes: 16 * 1024 * 1024,
      }),
    ).toMatchObject({
      error: { code: 429, data: { kind: "memory" } },
    });
    expect(
      await run("await tools.errors.list_errors({ limit: 1000 })", { maxMessageBytes: 20_000 }),
    ).toMatchObject({
      error: { code: 429, data: { kind: "result_too_large", hint: expect.stringMatching(/limit.*cursor/) } },
    });
  });

  test("answers 500 for what a server refuses", async () => {
    const request = { intent: "errors.analyze_error", params: { id: "nothing" }, id: 7 };
    expect(await optimizer.execute(request)).toMatchObject({
      error: { code: 500, data: { kind: "tool_error", runId: expect.any(String) } },
    });
  });

  test("cuts a value over the budget to whole parts and says how to get the rest", async () => {
    const result = await optimizer.run(
      { code: "return (await tools.errors.list_errors({ limit: 500 })).errors" },
      { maxTokens: 400 },
    );
    if (result.status !== "returned") expect.fail(JSON.stringify(result));
    expect(result.usage.tokens).toBe(countTokens(JSON.stringify(result.value)));
    expect(result.usage.tokens).toBeLessThanOrEqual(400);
    const { handle, preview } = Object(result.value);
    expect(preview.at(-1)).toMatch(/more of 500 items/);
    expect(result.truncated).toEqual({
      fullTokens: expect.any(Number),
      maxTokens: 400,
      hint: expect.stringContaining("filter"),
      handle,
    });
  });

  test("the one tool runs what a model wrote and answers what a model needs", async () => {
    expect(
      await optimizer.tool.execute({ code: "console.log('hi'); return await tools.page.double({ n: 2 })" }),
    ).toEqual({
      status: "returned",
      value: 4,
    });
    expect(await optimizer.tool.execute({ code: "console.log('only this')" })).toEqual({
      status: "returned",
      value: null,
      logs: ["only this"],
    });
    expect(await optimizer.tool.execute({ code: "const n = 1;\nreturn nn" })).toEqual({
      status: "threw",
      error: {
        name: "ReferenceError",
        message: "nn is not defined",
        line: 2,
        column: 8,
        kind: "exception",
        code: 500,
      },
    });
    expect(
      await optimizer.tool.execute({ code: "while (true);" }, { limits: { timeoutMs: 50 } }),
    ).toMatchObject({
      status: "stopped",
      reason: "timeout",
      code: 408,
      hint: expect.any(String),
    });
    for (const input of [undefined, null, "code", {}, { code: 5 }, { code: "1", language: "ruby" }]) {
      expect(await optimizer.tool.execute(input)).toMatchObject({
        status: "threw",
        error: { code: 400, kind: "invalid_request", hint: expect.any(String) },
      });
    }
  });

  test("the one tool and the manifest cost at most 187 tokens and name the servers", () => {
    const { tool } = optimizer;
    const definition = JSON.stringify(tool);
    expect(JSON.parse(definition)).toEqual({
      name: tool.name,
      description: tool.description,
      input_schema: tool.inputSchema,
    });
    expect(countTokens(definition)).toBeLessThanOrEqual(187);
    const manifest = optimizer.manifest();
    expect(countTokens(JSON.stringify(manifest))).toBeLessThanOrEqual(187);
    expect(manifest).toMatchObject({
      name: "mcp-optimizer",
      tool: "run_code",
      servers: { errors: 3, page: 3 },
    });
    expect(manifest.tokenSavings.optimized).toBe(countTokens(definition));
    for (const name of ["errors", "everything", "changing", "page"]) expect(tool.description).toContain(name);
  });

  test("refuses what makes no sense before anything runs", async () => {
    const events: RunEvent[] = [];
    const options = { onEvent: (event: RunEvent) => events.push(event) };
    await expect(
      optimizer.run({ code: "1", language: "python" }, { ...options, sandbox: "quickjs" }),
    ).rejects.toMatchObject({ code: 400, kind: "unsupported_language" });
    await expect(
      optimizer.run({ code: "1" }, { ...options, limits: { timeoutMs: -1 } }),
    ).rejects.toMatchObject({ code: 400, kind: "invalid_limits" });
    await expect(optimizer.run({ code: "1" }, { ...options, session: "" })).rejects.toMatchObject({
      code: 400,
      kind: "invalid_request",
    });
    await expect(optimizer.run({ code: "1" }, { ...options, maxTokens: Number.NaN })).rejects.toMatchObject({
      code: 400,
    });
    await expect(optimizer.run({ code: "x".repeat(9_000_000) }, options)).rejects.toMatchObject({
      code: 429,
      kind: "program_too_large",
    });
    expect(events).toEqual([]);
  });
});

test("learns what tools return, tells it, and keeps it for the next page", async () => {
  const context = memory();
  const tools = {
    rows: {
      call: () => ({ rows: Array.from({ length: 1_000 }, (_, id) => ({ id, label: "row" })), next: null }),
    },
  };
  {
    await using optimizer = await createOptimizer({ tools, context });
    expect((await optimizer.describe(["page.rows"])).text).toContain("Promise<unknown>;");
    const code = "const { rows } = await tools.page.rows({}); return rows.find(({ id }) => id < 0).label";
    expect(await optimizer.run({ code })).toMatchObject({
      status: "threw",
      error: {
        hint: "Compare with what the tools return. page.rows: { rows: { id: number; label: string }[]; next: null } (observed in 1 result).",
      },
    });
    const large = await optimizer.run(
      { code: "await tools.page.rows({})" },
      { limits: { maxMessageBytes: 4_096 } },
    );
    expect(large).toMatchObject({
      error: { kind: "result_too_large", hint: expect.stringContaining("The result's lists: rows.") },
    });
  }
  await using optimizer = await createOptimizer({ tools, context });
  const described = await optimizer.run({
    language: "javascript",
    code: "return await tools.describe('page.rows')",
  });
  expect(described).toMatchObject({
    value: expect.stringContaining(
      "Promise<{ rows: { id: number; label: string }[]; next: null }>; // observed in 2 results",
    ),
  });
});

test("servers that are away stand beside those that work, with the reason and the remedy", async () => {
  await using optimizer = await createOptimizer({
    servers: { errors: servers.errors, down: servers.down, silent: servers.silent },
    connectWaitMs: 20_000,
  });
  const status = new Map(optimizer.servers.map((server) => [server.name, server]));
  expect(status.get("errors")).toEqual({
    name: "errors",
    namespace: "errors",
    status: { state: "ready" },
    tools: 3,
  });
  expect(status.get("down")).toMatchObject({
    tools: 0,
    status: { state: "unavailable", kind: "unreachable", hint: expect.any(String) },
  });
  expect(status.get("silent")).toMatchObject({
    tools: 0,
    status: {
      state: "unavailable",
      kind: "cors_blocked",
      hint: expect.stringContaining("Access-Control-Allow-Origin"),
    },
  });
  expect(
    await optimizer.run({ code: "return (await tools.errors.list_errors({ limit: 1 })).total" }),
  ).toMatchObject({ value: 10_000 });
  expect(await optimizer.execute({ intent: "down.list", id: 1 })).toMatchObject({
    error: {
      code: 500,
      message: expect.stringContaining("down"),
      data: { kind: "unreachable", retryable: true },
    },
  });
  expect(await optimizer.tool.execute({ code: "return await tools.down.list({})" })).toMatchObject({
    status: "threw",
    error: { code: 500, kind: "unreachable", message: expect.stringContaining("unavailable") },
  });
});

test("an optimizer that was closed ends its runs, and closing twice is safe", async () => {
  const optimizer = await createOptimizer({ tools: page });
  const called = Promise.withResolvers<void>();
  const running = optimizer.run(
    { code: "await tools.page.wait({})" },
    { onEvent: ({ type }) => type === "tool_call" && called.resolve() },
  );
  await called.promise;
  await optimizer[Symbol.asyncDispose]();
  await optimizer[Symbol.asyncDispose]();
  expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
  await expect(optimizer.run({ code: "return 1" })).rejects.toMatchObject({ code: 500 });
  expect(document.querySelectorAll("iframe[sandbox]").length).toBe(0);
});

test("an optimizer without tools, with bad limits or with bad flags is refused", async () => {
  await expect(createOptimizer({})).rejects.toMatchObject({ code: 400, kind: "invalid_options" });
  await expect(createOptimizer({ tools: page, limits: { memoryBytes: 1 } })).rejects.toMatchObject({
    code: 400,
    kind: "invalid_limits",
  });
  await expect(createOptimizer({ tools: page, flags: { maxTokensPerRequest: 3 } })).rejects.toMatchObject({
    code: 400,
    kind: "invalid_flags",
  });
});

test.each<readonly [kind: string, options: object]>([
  ["invalid_flags", { flags: { executionMode: "classic" } }],
  ["invalid_policy", { policy: { grants: { "page.double": "maybe" } } }],
  ["invalid_intent", { intents: [{ name: "a.b", description: "x", tool: "page.double" }] }],
  ["invalid_options", { budgets: { sessionTokens: -1 } }],
])("options that make no sense leave nothing behind: %s", async (kind, options) => {
  const before = document.querySelectorAll("iframe").length;
  await expect(
    createOptimizer({ servers: { errors: servers.errors }, tools: page, ...options }),
  ).rejects.toMatchObject({ code: 400, kind });
  expect(document.querySelectorAll("iframe").length).toBe(before);
});
