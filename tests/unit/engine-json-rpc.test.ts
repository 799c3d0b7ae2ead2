import { expect, test } from "vitest";
import { OptimizerError } from "../../src/base/errors.ts";
import { respondWithError, respondWithRun } from "../../src/engine/json-rpc.ts";
import { type RunFacts, STOPS } from "../../src/engine/run-result.ts";
import type { StopReason } from "../../src/sandbox/sandbox.ts";

const facts: RunFacts = {
  runId: "run-1",
  session: "default",
  logs: [],
  toolCalls: [],
  usage: { durationMs: 1, tokens: 2, tokensSaved: 3, peakMemoryBytes: 4 },
};

test("a value is a result, with its truncation when there is one", () => {
  expect(respondWithRun(1, { status: "returned", value: { a: 1 }, ...facts })).toEqual({
    jsonrpc: "2.0",
    id: 1,
    result: { value: { a: 1 }, runId: "run-1", usage: facts.usage },
  });
  const truncated = { fullTokens: 100, maxTokens: 16, hint: "less" };
  expect(respondWithRun("a", { status: "returned", value: null, truncated, ...facts })).toEqual({
    jsonrpc: "2.0",
    id: "a",
    result: { value: null, truncated, runId: "run-1", usage: facts.usage },
  });
});

test("a failure of the program is an error with its class, its place and its repair", () => {
  const error = {
    name: "ToolError",
    message: "no such field",
    line: 3,
    column: 7,
    stack: "at …",
    code: 400,
    kind: "invalid_arguments",
    hint: "Ask.",
  } as const;
  expect(respondWithRun(1, { status: "threw", error, ...facts })).toEqual({
    jsonrpc: "2.0",
    id: 1,
    error: {
      code: 400,
      message: "ToolError: no such field (line 3)",
      data: { kind: "invalid_arguments", retryable: false, hint: "Ask.", runId: "run-1" },
    },
  });
  const { line: _, column: __, hint: ___, ...bare } = error;
  expect(respondWithRun(null, { status: "threw", error: bare, ...facts })).toMatchObject({
    id: null,
    error: {
      message: "ToolError: no such field",
      data: { kind: "invalid_arguments", retryable: false, runId: "run-1" },
    },
  });
});

test("a long message is cut between characters, its place kept", () => {
  for (const start of ["", "x"]) {
    const error = {
      name: "Error",
      message: `${start}${"😀".repeat(100_000)}`,
      line: 3,
      code: 500,
      kind: "exception",
    } as const;
    const response = respondWithRun(1, { status: "threw", error, ...facts });
    if (!("error" in response)) expect.fail("no error");
    expect(response.error.message.length).toBeLessThan(1_100);
    expect(response.error.message).toMatch(/^Error: x?(?:😀)+… \(line 3\)$/u);
  }
});

test.each<readonly [StopReason, number, boolean]>([
  ["timeout", 408, false],
  ["cancelled", 408, true],
  ["memory", 429, false],
  ["output", 429, false],
  ["tool_calls", 429, false],
  ["crashed", 500, true],
  ["security", 403, false],
])("a run stopped by %s is an error %i", (reason, code, retryable) => {
  const result = {
    status: "stopped",
    reason,
    message: "It was stopped.",
    ...STOPS[reason],
    ...facts,
  } as const;
  expect(respondWithRun(9, result)).toEqual({
    jsonrpc: "2.0",
    id: 9,
    error: {
      code,
      message: "It was stopped.",
      data: { kind: reason, retryable, hint: STOPS[reason].hint, runId: "run-1" },
    },
  });
});

test("a failure that no run explains is an error of its class, else 500", () => {
  const known = new OptimizerError("too large", {
    code: 429,
    kind: "program_too_large",
    hint: "Shorter.",
    retryable: true,
  });
  expect(respondWithError(2, known)).toEqual({
    jsonrpc: "2.0",
    id: 2,
    error: {
      code: 429,
      message: "too large",
      data: { kind: "program_too_large", retryable: true, hint: "Shorter." },
    },
  });
  expect(respondWithError(2, new TypeError("x is undefined"))).toEqual({
    jsonrpc: "2.0",
    id: 2,
    error: { code: 500, message: "x is undefined", data: { kind: "internal", retryable: false } },
  });
  expect(respondWithError(null, "text")).toMatchObject({ id: null, error: { code: 500, message: "text" } });
});
