// What the engine tells while programs run, by OpenTelemetry's own SDK in memory.

import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { describe, expect, test } from "vitest";
import { executeRequest } from "../../src/engine/request.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";
import { MAX_NAMES } from "../../src/telemetry/name-limit.ts";
import { openTelemetry } from "../../src/telemetry/open-telemetry.ts";
import type { TelemetryOptions } from "../../src/telemetry/telemetry.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { answerBasics, type Seen, sendResult, startFaultServer } from "./fixtures/mcp-fault-server.ts";

const TOOLS = [
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "write", inputSchema: { type: "object" } },
];

/** An engine over a real server that remembers the `_meta` of its calls, recorded in memory. */
async function open(options: Partial<TelemetryOptions> = {}) {
  const stack = new AsyncDisposableStack();
  const metas: unknown[] = [];
  const server = stack.use(
    await startFaultServer((seen: Seen) => {
      const { request, response, message } = seen;
      if (request.method === "GET") return response.writeHead(405).end();
      if (message?.method === "tools/list") return sendResult(seen, { tools: TOOLS });
      if (message?.method !== "tools/call") return answerBasics(seen);
      metas.push(Reflect.get(message.params ?? {}, "_meta"));
      const isError = message.params?.arguments?.["fail"] === true;
      return sendResult(seen, {
        content: [{ type: "text", text: '{"token":"s3cret-value","rows":[1,2]}' }],
        isError,
      });
    }),
  );
  const exporter = new InMemorySpanExporter();
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 60_000,
  });
  const spans = new SimpleSpanProcessor({ exporter });
  const recording = stack.use(
    await openTelemetry({
      exporters: [{ name: "memory", open: async () => ({ reader, spans }) }],
      ...options,
    }),
  );
  const source = stack.use(createServerSource("server", { url: server.url }));
  await source.connect();
  const engine = stack.use(
    openEngine({
      catalog: stack.use(createCatalog([source])),
      sink: recording.sink,
      policy: { unannotated: "allow" },
    }),
  );
  const readMetrics = async () => {
    await reader.forceFlush();
    const last = metricExporter.getMetrics().at(-1);
    const metrics = last?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    return (name: string): readonly { readonly attributes: object; readonly value: unknown }[] =>
      metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  };
  return {
    engine,
    metas,
    readMetrics,
    spans: () => exporter.getFinishedSpans(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Each span with the name of its parent. */
function tree(spans: readonly ReadableSpan[]): readonly string[] {
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
  return spans.map(
    ({ name, parentSpanContext }) => `${names.get(parentSpanContext?.spanId ?? "") ?? "-"} > ${name}`,
  );
}

const sum = (points: readonly { readonly value: unknown }[]): number =>
  points.reduce((all, { value }) => all + Number(value), 0);

describe("one request", () => {
  test("is one tree of spans, and its server hears of the span of its call", async () => {
    await using place = await open();
    const result = await place.engine.runner.run({
      language: "javascript",
      code: "await tools.server.read({}); return 1",
    });
    expect(result).toMatchObject({ status: "returned", value: 1 });
    const spans = place.spans();
    expect(tree(spans)).toEqual([
      "run run_code > validate",
      "run run_code > queue",
      "guest > tools/call server.read",
      "run run_code > guest",
      "run run_code > fit",
      "run run_code > respond",
      "- > run run_code",
    ]);
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const call = spans.find(({ name }) => name.startsWith("tools/call"));
    const { traceId = "", spanId = "" } = call?.spanContext() ?? {};
    expect(place.metas).toEqual([expect.objectContaining({ traceparent: `00-${traceId}-${spanId}-01` })]);
    expect(call?.attributes).toMatchObject({
      "mcp.method.name": "tools/call",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "server.read",
    });
    expect(spans.at(-1)?.attributes).toMatchObject({
      "mcp_optimizer.intent": "run_code",
      "mcp_optimizer.status": "returned",
      "mcp_optimizer.run.id": result.runId,
    });
  });

  test("by a tool's intent goes without a guest", async () => {
    await using place = await open();
    await executeRequest({ intent: "server.read", params: {} }, place.engine);
    expect(tree(place.spans())).toEqual([
      "run server.read > route",
      "run server.read > validate",
      "run server.read > tools/call server.read",
      "run server.read > fit",
      "run server.read > respond",
      "- > run server.read",
    ]);
  });

  test("tells its server nothing where that is not wanted", async () => {
    await using place = await open({ propagate: false });
    await place.engine.runner.run({ code: "return await tools.server.read({})" });
    expect(place.metas).toHaveLength(1);
    expect(place.metas[0] ?? {}).not.toHaveProperty("traceparent");
    expect(place.spans().length).toBeGreaterThan(0);
  });

  test("holds arguments and results by request only, and never what looks like a credential", async () => {
    const code =
      'return await tools.server.write({ password: "hunter22", note: "plain words, Bearer abcdefgh12345678" })';
    await using silent = await open();
    await silent.engine.runner.run({ code });
    const said = JSON.stringify(silent.spans().map(({ attributes }) => attributes));
    expect(said).not.toMatch(/plain words|rows/);
    await using told = await open({ captureContent: true });
    await told.engine.runner.run({ code });
    const call = told.spans().find(({ name }) => name.startsWith("tools/call"));
    expect(call?.attributes).toMatchObject({
      "gen_ai.tool.call.arguments": '{"password":"[redacted]","note":"plain words, [redacted]"}',
      "gen_ai.tool.call.result": '{"token":"[redacted]","rows":[1,2]}',
    });
    expect(JSON.stringify(told.spans().map(({ attributes }) => attributes))).not.toMatch(
      /hunter22|s3cret|abcdefgh/,
    );
  });
});

describe("metrics", () => {
  test("equal the engine's own counts, for requests of every kind", async () => {
    await using place = await open();
    const { engine } = place;
    const limits = { timeoutMs: 100 };
    for (let round = 0; round < 3; round += 1) {
      await engine.runner.run({ code: "return 'x'.repeat(20000)" }, { maxTokens: 20 });
      await engine.runner.run({ code: "return await tools.server.read({})" });
      await engine.runner.run({ code: "return await tools.server.write({ fail: true })" });
      await engine.runner.run({ code: "return await tools.server.nothing({})" });
    }
    await engine.runner.run({ code: "for (;;);" }, { limits });
    await expect(engine.runner.run({ code: "return 1" }, { maxTokens: 1 })).rejects.toThrow();
    await executeRequest({ intent: "no.such", params: {} }, engine);
    await executeRequest({ intent: "server.read", params: {} }, engine);
    const counts = engine.telemetry.counts;
    expect(counts).toMatchObject({
      requests: 16,
      openRequests: 0,
      byStatus: { returned: 7, threw: 6, stopped: 1, suspended: 0, failed: 2 },
      cacheLookups: 4,
      toolCalls: { ok: 4, error: 6, held: 0 },
      executionTimeouts: 1,
      tokenLimitExceeded: 3,
      operationsByIntent: {
        run_code: { requests: 14, successes: 6 },
        other: { requests: 1, successes: 0 },
        "server.read": { requests: 1, successes: 1 },
      },
    });
    expect(counts.errorRate).toBeCloseTo(9 / 16);
    expect(counts.tokensUsed).toBeGreaterThan(0);
    const points = await place.readMetrics();
    expect(sum(points("mcp_optimizer.requests"))).toBe(counts.requests);
    expect(sum(points("mcp_optimizer.open_requests"))).toBe(0);
    expect(sum(points("mcp_optimizer.tokens_used"))).toBe(counts.tokensUsed);
    expect(sum(points("mcp_optimizer.tokens_saved"))).toBe(counts.tokensSaved);
    expect(sum(points("mcp_optimizer.cache_lookups"))).toBe(counts.cacheLookups);
    expect(sum(points("mcp_optimizer.cache_hits"))).toBe(counts.cacheHits);
    expect(sum(points("mcp_optimizer.execution_timeouts"))).toBe(1);
    expect(sum(points("mcp_optimizer.token_limit_exceeded"))).toBe(3);
    const times = points("mcp_optimizer.execution_time_ms").map(({ value }) =>
      Reflect.get(Object(value), "count"),
    );
    expect(times.reduce((all, count) => all + count, 0)).toBe(counts.requests);
    expect(sum(points("mcp_optimizer.operations_by_intent"))).toBe(counts.requests);
    expect(points("mcp_optimizer.tool_calls").map(({ attributes }) => attributes)).toContainEqual({
      "gen_ai.tool.name": "other",
      "mcp_optimizer.outcome": "error",
    });
    expect(points("mcp.client.operation.duration").length).toBeGreaterThan(0);
  });

  test("stop while the flag is off, and so do spans and trace contexts", async () => {
    await using place = await open();
    const { engine } = place;
    const code = "return await tools.server.write({})";
    await engine.runner.run({ code });
    const before = { counts: engine.telemetry.counts, spans: place.spans().length };
    engine.flags.set({ enableMetrics: false });
    await engine.runner.run({ code });
    expect(engine.telemetry.counts).toEqual(before.counts);
    expect(place.spans()).toHaveLength(before.spans);
    expect(place.metas).toHaveLength(2);
    expect(place.metas[1] ?? {}).not.toHaveProperty("traceparent");
    engine.flags.set({ enableMetrics: true });
    await engine.runner.run({ code });
    expect(engine.telemetry.counts.requests).toBe(2);
  });

  test("tell no more than so many intents apart", async () => {
    await using place = await open();
    const { engine } = place;
    const names = Array.from({ length: MAX_NAMES + 5 }, (_, number) => `intent_${number}`);
    for (const name of names)
      engine.registry.intents.define({ name, description: "x", program: { code: "return 1" } });
    for (const intent of names) await executeRequest({ intent, params: {} }, engine);
    const points = await place.readMetrics();
    expect(points("mcp_optimizer.operations_by_intent")).toHaveLength(MAX_NAMES + 1);
    expect(engine.telemetry.counts.operationsByIntent["other"]).toEqual({ requests: 5, successes: 5 });
  });
});
