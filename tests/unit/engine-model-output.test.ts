import { expect, test } from "vitest";
import { OptimizerError } from "../../src/base/errors.ts";
import { toModelFailure, toModelOutput } from "../../src/engine/model-output.ts";
import { type RunFacts, STOPS } from "../../src/engine/run-result.ts";

const facts: RunFacts = {
  runId: "run-1",
  session: "default",
  logs: [],
  toolCalls: [{ name: "srv.a", ms: 1, bytes: 2, cached: false }],
  usage: { durationMs: 1, tokens: 2, tokensSaved: 3, peakMemoryBytes: 4 },
};
const logs = Array.from({ length: 30 }, (_, index) => ({ level: "log" as const, text: `line ${index}` }));

test("a value goes to the model alone", () => {
  expect(toModelOutput({ status: "returned", value: 0, ...facts, logs })).toEqual({
    status: "returned",
    value: 0,
  });
  const truncated = { fullTokens: 100, maxTokens: 16, hint: "less" };
  expect(toModelOutput({ status: "returned", value: [], truncated, ...facts })).toEqual({
    status: "returned",
    value: [],
    truncated,
  });
});

test("a program without a value shows what it said last", () => {
  expect(toModelOutput({ status: "returned", value: null, ...facts, logs })).toEqual({
    status: "returned",
    value: null,
    logs: logs.slice(-10).map(({ text }) => text),
  });
});

test("a failure shows its place and what was said before, without a stack", () => {
  const error = {
    name: "Error",
    message: "no",
    line: 1,
    column: 2,
    stack: "at …",
    code: 500,
    kind: "exception",
    hint: "so",
  } as const;
  expect(toModelOutput({ status: "threw", error, ...facts, logs: logs.slice(0, 1) })).toEqual({
    status: "threw",
    error: { name: "Error", message: "no", line: 1, column: 2, code: 500, kind: "exception", hint: "so" },
    logs: ["line 0"],
  });
});

test("long messages and lines are cut between characters", () => {
  for (const start of ["", "x"]) {
    const text = `${start}${"😀".repeat(5_000)}`;
    const error = { name: "Error", message: text, code: 500, kind: "exception" } as const;
    const output = toModelOutput({ status: "threw", error, ...facts, logs: [{ level: "log", text }] });
    if (output.status !== "threw") expect.fail("not thrown");
    expect(output.error.message).toMatch(/^x?(?:😀){499,500}…$/u);
    expect(output.logs?.[0]).toMatch(/^x?(?:😀){99,100}…$/u);
  }
});

test("a stop shows why and how to go on", () => {
  const result = {
    status: "stopped",
    reason: "memory",
    message: "Too much.",
    ...STOPS.memory,
    ...facts,
    logs,
  } as const;
  expect(toModelOutput(result)).toEqual({
    status: "stopped",
    reason: "memory",
    message: "Too much.",
    ...STOPS.memory,
  });
});

test("a request that never became a run is a failure with its repair", () => {
  const failure = new OptimizerError("no", { code: 400, kind: "invalid_request", hint: "so" });
  expect(toModelFailure(failure)).toEqual({
    status: "threw",
    error: { name: "Error", message: "no", code: 400, kind: "invalid_request", hint: "so" },
  });
  expect(toModelFailure("text")).toEqual({
    status: "threw",
    error: { name: "Error", message: "text", code: 500, kind: "internal" },
  });
});
