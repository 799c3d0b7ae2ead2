import { afterEach, describe, expect, test, vi } from "vitest";
import type { ProgramRunner } from "../../src/engine/program-runner.ts";
import { executeRequest, type IntentRequest, readProgram } from "../../src/engine/request.ts";
import type { RunEvent } from "../../src/engine/run-result.ts";
import type { RunOptions } from "../../src/engine/run-scope.ts";
import type { GuestPort, Program } from "../../src/protocol/guest-protocol.ts";
import type { Limits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox, StopReason } from "../../src/sandbox/sandbox.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { createPageSource } from "../../src/tools/page-source.ts";
import { openEngine } from "./fixtures/engine.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

type Act = (program: Program, port: GuestPort, signal: AbortSignal) => Promise<RunOutcome> | RunOutcome;

const returned = (value: unknown): RunOutcome => ({
  status: "returned",
  json: JSON.stringify(value),
  peakMemoryBytes: 5,
});
const stopped = (reason: StopReason): RunOutcome => ({
  status: "stopped",
  reason,
  message: "It was stopped.",
  peakMemoryBytes: 0,
});

interface Seen {
  readonly program: Program;
  readonly session: string;
  readonly limits: Limits;
}

/** A runner whose sandbox does what the test says. */
function scripted(act: Act = () => returned(1)) {
  const seen: Seen[] = [];
  const sandbox: Sandbox = {
    traits: {
      name: "scripted",
      languages: ["javascript", "typescript"],
      enforces: { time: "none", memory: "none", network: "none", storage: "none" },
      freezes: false,
      keepsGlobals: false,
    },
    prepare: async () => {},
    open: (session, limits) => ({
      async run(program, port, signal) {
        seen.push({ program, session, limits });
        return act(program, port, signal);
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {},
  };
  const down = fakeSource("down", []);
  down.change({
    status: { state: "unavailable", kind: "unreachable", message: "Nobody answers.", hint: "Start it." },
  });
  const double = {
    inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
    call: ({ n }: { n?: unknown }) => Number(n) * 2,
  };
  const catalog = createCatalog([createPageSource({ double, items: { call: () => [1, 2] } }), down]);
  const engine = openEngine({
    catalog,
    sandboxes: [sandbox],
    limits: { timeoutMs: 1_000 },
    flags: { maxTokensPerRequest: 100 },
  });
  const execute = (request: unknown, options?: RunOptions) =>
    executeRequest(request as IntentRequest, engine, options);
  return { seen, engine, runner: engine.runner, execute };
}

const refused = (runner: ProgramRunner, program: unknown, options?: unknown): Promise<unknown> =>
  Reflect.apply(runner.run, runner, [program, options]).then(
    () => "ran",
    (error: unknown) => error,
  );

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a program", () => {
  test("reaches the sandbox as TypeScript with empty inputs, in the default session, under the optimizer's limits", async () => {
    const { runner, seen } = scripted();
    const result = await runner.run({ code: "1" });
    expect(seen).toMatchObject([
      {
        program: { language: "typescript", code: "1", inputs: "{}" },
        session: "default",
        limits: { timeoutMs: 1_000, maxToolCalls: 1_000 },
      },
    ]);
    expect(result).toEqual({
      status: "returned",
      value: 1,
      runId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      session: "default",
      logs: [],
      toolCalls: [],
      usage: { durationMs: expect.any(Number), tokens: 1, tokensSaved: 0, peakMemoryBytes: 5 },
    });
  });

  test("has its own limits above the optimizer's", async () => {
    const { runner, seen } = scripted();
    await runner.run({ code: "1", inputs: [1] }, { limits: { maxToolCalls: 2 }, session: "mine" });
    expect(seen).toMatchObject([
      { program: { inputs: "[1]" }, session: "mine", limits: { timeoutMs: 1_000, maxToolCalls: 2 } },
    ]);
  });

  test.each<readonly [what: string, program: unknown, options: unknown, error: object]>([
    ["no program", undefined, undefined, { code: 400, kind: "invalid_request" }],
    ["no code", {}, undefined, { code: 400, kind: "invalid_request" }],
    ["code that is no text", { code: 1 }, undefined, { code: 400, kind: "invalid_request" }],
    [
      "an unknown language",
      { code: "1", language: "ruby" },
      undefined,
      { code: 400, kind: "invalid_request" },
    ],
    [
      "a language without a sandbox",
      { code: "1", language: "python" },
      undefined,
      {
        code: 400,
        kind: "unsupported_language",
        hint: "Write the program in one of: javascript, typescript.",
      },
    ],
    [
      "inputs that are no JSON",
      { code: "1", inputs: () => 1 },
      undefined,
      { code: 400, kind: "invalid_request" },
    ],
    [
      "inputs with a cycle",
      { code: "1", inputs: cycle() },
      undefined,
      { code: 400, kind: "invalid_request" },
    ],
    [
      "inputs with a BigInt",
      { code: "1", inputs: { n: 1n } },
      undefined,
      { code: 400, kind: "invalid_request" },
    ],
    [
      "a program that is too long",
      { code: "x".repeat(2_000) },
      { limits: { maxMessageBytes: 1_024 } },
      { code: 429, kind: "program_too_large" },
    ],
    [
      "inputs that are too long",
      { code: "1", inputs: "é".repeat(600) },
      { limits: { maxMessageBytes: 1_024 } },
      { code: 429, kind: "program_too_large" },
    ],
    [
      "a limit out of its range",
      { code: "1" },
      { limits: { timeoutMs: 0 } },
      { code: 400, kind: "invalid_limits" },
    ],
    ["an empty session", { code: "1" }, { session: "" }, { code: 400, kind: "invalid_request" }],
    [
      "a session without end",
      { code: "1" },
      { session: "s".repeat(201) },
      { code: 400, kind: "invalid_request" },
    ],
    [
      "a budget that is no number",
      { code: "1" },
      { maxTokens: Number.NaN },
      { code: 400, kind: "invalid_request" },
    ],
    [
      "a budget too small to say anything",
      { code: "1" },
      { maxTokens: 15 },
      { code: 400, kind: "invalid_request" },
    ],
  ])("is refused before it runs: %s", async (_, program, options, error) => {
    const { runner, seen } = scripted();
    expect(await refused(runner, program, options)).toMatchObject(error);
    expect(seen).toEqual([]);
  });

  test("that is cut says so, within the budget of its run", async () => {
    const { runner } = scripted(() => returned("x".repeat(1_000)));
    expect(await runner.run({ code: "1" }, { maxTokens: 20 })).toMatchObject({
      status: "returned",
      truncated: { fullTokens: 251, maxTokens: 20 },
    });
  });

  test("whose runtime returns no JSON is a breach", async () => {
    const { runner } = scripted(() => ({ status: "returned", json: "{", peakMemoryBytes: 0 }));
    expect(await runner.run({ code: "1" })).toMatchObject({
      status: "stopped",
      reason: "security",
      code: 403,
    });
  });

  test("that a listener's failure follows ends as it would", async () => {
    const reported: unknown[] = [];
    vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
    const failure = new Error("a listener's own");
    const { runner } = scripted();
    const onEvent = (): void => {
      throw failure;
    };
    expect(await runner.run({ code: "1" }, { onEvent })).toMatchObject({ status: "returned", value: 1 });
    expect(reported).toEqual([failure, failure]);
  });

  test("is counted with the calls that it made, and tells of each", async () => {
    const events: RunEvent[] = [];
    const { runner } = scripted(async (_, port, signal) => {
      const call = { operation: "tool", target: "page.double" } as const;
      port.log([{ level: "log", text: "before" }]);
      await port.call({ id: 1, ...call, args: '{"n":2}' }, signal);
      await port.call({ id: 2, ...call, args: '{"n":"two"}' }, signal);
      return returned(4);
    });
    const result = await runner.run({ code: "1" }, { onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({
      logs: [{ level: "log", text: "before" }],
      toolCalls: [
        { name: "page.double", bytes: 1, cached: false },
        { name: "page.double", bytes: 0, error: { kind: "invalid_arguments", mayHaveExecuted: false } },
      ],
    });
    expect(events.map(({ type }) => type)).toEqual([
      "started",
      "log",
      "tool_call",
      "tool_result",
      "tool_call",
      "tool_result",
      "finished",
    ]);
  });
});

test("a program that misread a result is told what its tools returned", async () => {
  const misread =
    (name: string, hint?: string): Act =>
    async (_, port, signal) => {
      for (const id of [1, 2, 3]) {
        await port.call({ id, operation: "tool", target: "page.items", args: "{}" }, signal);
      }
      const error = {
        name,
        message: "it is undefined",
        kind: "exception",
        ...(hint !== undefined && { hint }),
      };
      return { status: "threw", error, peakMemoryBytes: 1 };
    };
  const hintOf = async (act: Act): Promise<unknown> => {
    const result = await scripted(act).runner.run({ code: "1" });
    return result.status === "threw" ? (result.error.hint ?? null) : result;
  };
  expect(await hintOf(misread("TypeError"))).toBe(
    "Compare with what the tools return. page.items: number[] (observed in 3 results).",
  );
  expect(await hintOf(misread("RangeError"))).toBeNull();
  expect(await hintOf(misread("TypeError", "its own"))).toBe("its own");
  const idle: Act = () => ({
    status: "threw",
    error: { name: "TypeError", message: "", kind: "exception" },
    peakMemoryBytes: 1,
  });
  expect(await hintOf(idle)).toBeNull();
});

test("disposing cancels what runs", async () => {
  const { engine, runner } = scripted(
    (_, __, signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(stopped("cancelled")))),
  );
  const running = runner.run({ code: "1" });
  await engine[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  expect(await running).toMatchObject({ status: "stopped", reason: "cancelled", code: 408 });
});

describe("a request", () => {
  test("answers every class of failure", async () => {
    const codes: Record<string, unknown> = {};
    for (const reason of [
      "security",
      "timeout",
      "cancelled",
      "memory",
      "output",
      "tool_calls",
      "crashed",
    ] as const) {
      const { execute } = scripted(() => stopped(reason));
      const response = await execute({ intent: "run_code", params: { code: "1" }, id: 1 });
      codes[reason] = "error" in response ? [response.error.code, response.error.data.kind] : response;
    }
    expect(codes).toEqual({
      security: [403, "security"],
      timeout: [408, "timeout"],
      cancelled: [408, "cancelled"],
      memory: [429, "memory"],
      output: [429, "output"],
      tool_calls: [429, "tool_calls"],
      crashed: [500, "crashed"],
    });
  });

  test("by the name of a tool calls that tool with its parameters as data", async () => {
    for (const intent of ["double", "page.double", "tools.page.double"]) {
      const { execute, engine, seen } = scripted();
      expect(await execute({ intent, params: { n: 21 }, id: "x" })).toMatchObject({
        id: "x",
        result: { value: 42, route: { way: "mcp", why: "The intent is simple." } },
      });
      expect(seen).toEqual([]);
      engine.flags.set({ executionMode: "code_execution" });
      expect(await execute({ intent, params: { n: "'); evil('" }, id: "x" })).toMatchObject({
        id: "x",
        result: { value: 1, route: { way: "code" } },
      });
      expect(seen[0]?.program).toEqual({
        language: "javascript",
        code: "const [server, tool] = inputs.tool; return await tools[server][tool](inputs.params)",
        inputs: JSON.stringify({ tool: ["page", "double"], params: { n: "'); evil('" } }),
      });
    }
  });

  test.each<readonly [what: string, request: unknown, id: unknown, error: object]>([
    ["no request", undefined, null, { code: 400, data: { kind: "invalid_request" } }],
    ["no intent", { id: 1 }, 1, { code: 400, data: { kind: "invalid_request" } }],
    ["an intent that is no text", { intent: {}, id: 1 }, 1, { code: 400, data: { kind: "invalid_request" } }],
    [
      "parameters that are no object",
      { intent: "page.double", params: [1], id: 1 },
      1,
      { code: 400, data: { kind: "invalid_request" } },
    ],
    [
      "an id that is neither text nor number",
      { intent: "page.doubel", id: {} },
      null,
      { code: 400, data: { kind: "unknown_intent" } },
    ],
    [
      "an intent that is nearly right",
      { intent: "page.doubel", id: 1 },
      1,
      { code: 400, data: { kind: "unknown_intent", hint: "Did you mean tools.page.double?" } },
    ],
    [
      "a program without code",
      { intent: "run_code", params: { text: "1" }, id: 1 },
      1,
      { code: 400, data: { kind: "invalid_request" } },
    ],
    [
      "a server that is away",
      { intent: "down.list", id: 1 },
      1,
      { code: 500, data: { kind: "unreachable", retryable: true, hint: "Start it." } },
    ],
  ])("is answered without a run: %s", async (_, request, id, error) => {
    const { execute, seen } = scripted();
    expect(await execute(request)).toMatchObject({ jsonrpc: "2.0", id, error });
    expect(seen).toEqual([]);
  });
});

test("a model's input becomes a program, or a hint", () => {
  expect(readProgram({ code: "1", language: "javascript", inputs: [1], extra: true })).toEqual({
    code: "1",
    language: "javascript",
    inputs: [1],
  });
  expect(readProgram({ code: "1" })).toEqual({ code: "1" });
  for (const input of [undefined, "1", [], {}, { code: null }, { code: "1", language: 5 }]) {
    expect(() => readProgram(input)).toThrow(
      expect.objectContaining({ code: 400, kind: "invalid_request", hint: expect.any(String) }),
    );
  }
});

function cycle(): object {
  const one: Record<string, unknown> = {};
  one["self"] = one;
  return one;
}
