// What is exported, read back from servers that are not ours: after a thousand mixed runs it is what the engine counted.

import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { createHost } from "../../src/host/create-host.ts";
import { openHostEngine } from "../../src/host/host-engine.ts";
import { dogstatsd } from "../../src/host/telemetry/dogstatsd.ts";
import type { TelemetryExporter } from "../../src/telemetry/exporter.ts";
import { cloudWatchEmf } from "../../src/telemetry/exporters/cloudwatch-emf.ts";
import { jsonLines } from "../../src/telemetry/exporters/json-lines.ts";
import { otlp } from "../../src/telemetry/exporters/otlp.ts";
import { METRIC, MILLISECONDS_BUCKETS } from "../../src/telemetry/names.ts";
import { type OpenTelemetry, openTelemetry } from "../../src/telemetry/open-telemetry.ts";
import { findPrometheus } from "../setup/prometheus.mjs";
import { MIXED_CODES, runMixed, telemetryExporterSuite } from "../suites/telemetry-exporter-suite.ts";
import {
  cloudWatchCase,
  type DogStatsdLine,
  dogstatsdCase,
  jsonLinesCase,
  otlpCase,
  prometheusCase,
  readDistribution,
  readDogStatsd,
  readEmf,
} from "./setup/exporter-destinations.ts";
import { inProcessSandbox } from "./setup/in-process-sandbox.ts";
import { openHost } from "./setup/open-host.ts";
import { findOtlpParts, type OtlpParts, startSpanReceiver } from "./setup/otlp-parts.ts";
import { type StatsdServer, startStatsd } from "./setup/statsd-server.ts";

const parts: OtlpParts | string = await findOtlpParts();
const program = findPrometheus();

let errors: RunningServer;
beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 200 });
});
afterAll(() => errors.close());

const openEngine = (exporters: readonly TelemetryExporter[]) =>
  openHostEngine(
    { servers: { errors: { url: errors.url, privateAddresses: ["127.0.0.1"] } }, telemetry: { exporters } },
    [inProcessSandbox()],
  );

telemetryExporterSuite({
  cases: [prometheusCase(program), otlpCase(parts), jsonLinesCase(), cloudWatchCase(), dogstatsdCase()],
  openEngine,
});

describe("prometheus()", () => {
  test("writes what promtool finds nothing wrong with, and so does a host", async (context) => {
    if (program === undefined) return context.skip("There is no prometheus, and none could be installed.");
    await using host = await openHost({ servers: { errors: errors.url } });
    for (const code of MIXED_CODES) await (await host.send("/v1/runs", { json: { code } })).text();
    const text = await (await host.send("/metrics")).text();
    expect(text).toContain("mcp_client_operation_duration_seconds_bucket");
    expect(await checkMetrics(text)).toBe("");
    // The control: promtool does find what is wrong.
    expect(await checkMetrics("# TYPE things counter\nthings 1\n")).toContain("_total");
  });

  test("shows a host's scraper nothing without its token", async () => {
    await using host = await openHost();
    expect((await fetch(`${host.url}/metrics`)).status).toBe(401);
  });
});

describe("otlp()", () => {
  test("sends one whole tree of spans a request, and credentials to the collector alone", async (context) => {
    if (typeof parts === "string") return context.skip(parts);
    await using receiver = await startSpanReceiver(parts.protocol);
    const headers = { authorization: "Bearer collector" };
    {
      const exporter = otlp({ url: receiver.url, signals: ["traces"], delayMs: 50, headers });
      await using engine = await openEngine([exporter]);
      await runMixed(engine.engines.of(undefined), 60);
    }
    expect(receiver.credentials).toEqual(new Set(["Bearer collector"]));
    const roots = receiver.spans.filter(({ parentSpanId }) => parentSpanId === "");
    expect(roots).toHaveLength(60);
    const ids = new Set(receiver.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
    for (const { traceId, parentSpanId } of receiver.spans)
      if (parentSpanId !== "") expect(ids).toContain(`${traceId} ${parentSpanId}`);
    const names = new Set(receiver.spans.map(({ name }) => name));
    for (const name of [
      "route",
      "validate",
      "queue",
      "guest",
      "tools/call errors.list_errors",
      "fit",
      "respond",
    ])
      expect(names).toContain(name);
    expect(JSON.stringify(receiver.spans)).not.toContain("collector");
  });

  test("refuses what is no address", async () => {
    const refusal = expect.objectContaining({ code: 400, kind: "invalid_options" });
    await expect(otlp({ url: "otel.example.com:4318" }).open()).rejects.toEqual(refusal);
    const options = { port: 0, sandboxes: [inProcessSandbox()] };
    const telemetry = { exporters: [otlp({ url: "file:///tmp/x" })] };
    await expect(createHost({ ...options, telemetry })).rejects.toEqual(refusal);
  });
});

describe("jsonLines()", () => {
  test("writes a line a metric and a span, with the same fields each time and no credential", async () => {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => {
      expect(line).not.toContain("\n");
      lines.push(JSON.parse(line));
    };
    {
      await using recording = await openTelemetry({
        exporters: [jsonLines({ write })],
        captureContent: true,
        serviceName: "shop",
      });
      recordRequest(recording, ["errors.list_errors"], { password: "hunter22", note: "two\nlines" });
    }
    const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(lines).toContainEqual({
      type: "metric",
      time: isoTime,
      since: isoTime,
      service: "shop",
      name: "mcp_optimizer.tool_calls",
      kind: "counter",
      attributes: { "gen_ai.tool.name": "errors.list_errors", "mcp_optimizer.outcome": "ok" },
      value: 1,
    });
    const duration = lines.find(({ name }) => name === "mcp_optimizer.execution_time_ms");
    expect(duration).toEqual({
      type: "metric",
      time: isoTime,
      since: isoTime,
      service: "shop",
      name: "mcp_optimizer.execution_time_ms",
      kind: "histogram",
      unit: "ms",
      attributes: { "mcp_optimizer.status": "returned", "mcp_optimizer.kind": "javascript" },
      value: {
        count: 1,
        sum: expect.any(Number),
        min: expect.any(Number),
        max: expect.any(Number),
        boundaries: MILLISECONDS_BUCKETS,
        counts: expect.any(Array),
      },
    });
    const root = lines.find(({ name }) => name === "run run_code");
    expect(lines.find(({ name }) => name === "tools/call errors.list_errors")).toMatchObject({
      type: "span",
      time: isoTime,
      service: "shop",
      kind: "client",
      traceId: root?.["traceId"],
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      parentSpanId: root?.["spanId"],
      durationMs: expect.any(Number),
      status: "ok",
    });
    const text = JSON.stringify(lines);
    expect(text).toContain("note");
    expect(text).not.toContain("hunter22");
  });
});

describe("cloudWatchEmf()", () => {
  test("writes documents that AWS' schema takes, whatever names and values there are", async () => {
    const lines: string[] = [];
    {
      const exporter = cloudWatchEmf({ write: (line) => void lines.push(line), namespace: "Shop" });
      await using recording = await openTelemetry({ exporters: [exporter] });
      recordRequest(recording, ["ä".repeat(2_000), " ", "_aws"]);
    }
    const documents = lines.map(readEmf);
    const tools = documents.filter((document) => document["mcp_optimizer.tool_calls"] === 1);
    expect(tools.map((document) => document["gen_ai.tool.name"])).toEqual([
      "_".repeat(1_024),
      "none",
      "_aws",
    ]);
    const [document] = documents.filter((one) => one["mcp_optimizer.execution_time_ms"] !== undefined);
    expect(document).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Namespace: "Shop",
            Dimensions: [["mcp_optimizer.status", "mcp_optimizer.kind"]],
            Metrics: [
              { Name: "mcp_optimizer.requests", Unit: "Count" },
              { Name: "mcp_optimizer.execution_time_ms", Unit: "Milliseconds" },
            ],
          },
        ],
      },
      service: "mcp-optimizer",
      "mcp_optimizer.status": "returned",
      "mcp_optimizer.kind": "javascript",
      "mcp_optimizer.requests": 1,
      "mcp_optimizer.execution_time_ms": { Count: 1 },
    });
  });

  test("is held to a schema that refuses what is none of it", () => {
    const metrics = { Namespace: "n", Dimensions: [[]], Metrics: [{ Name: "m", Unit: "Parsecs" }] };
    const document = { _aws: { Timestamp: 1, CloudWatchMetrics: [metrics] }, m: 1 };
    expect(() => readEmf(JSON.stringify(document))).toThrow("no embedded metric format");
    expect(() => readEmf('{"m":1}')).toThrow("no embedded metric format");
  });
});

describe("dogstatsd()", () => {
  test("fills packets to their bound with whole lines, whatever names there are", async () => {
    await using server = await startStatsd();
    const tools = Array.from({ length: 40 }, (_, number) => `t${number}:9|c\n,#x:${"ä".repeat(300)}`);
    {
      const exporter = dogstatsd({ port: server.port });
      await using recording = await openTelemetry({ exporters: [exporter], serviceName: "s".repeat(300) });
      recordRequest(recording, tools);
    }
    await expect.poll(async () => (await linesOf(server)).length, { timeout: 20_000 }).toBeGreaterThan(80);
    const lines = await linesOf(server);
    const { packets } = await server.read();
    const counterOf = async (name: string) => (await server.read()).counters.get(`statsd.${name}`);
    await expect.poll(() => counterOf("packets_received"), { timeout: 20_000 }).toBe(packets.length);
    expect(await counterOf("bad_lines_seen")).toBe(0);
    for (const packet of packets) expect(Buffer.byteLength(packet)).toBeLessThanOrEqual(1_432);
    expect(packets.length).toBeLessThan(lines.length);
    const calls = lines.filter(({ name }) => name === "mcp_optimizer.tool_calls");
    expect(calls.map(({ value, type }) => [value, type])).toEqual(tools.map(() => [1, "c"]));
    for (const { tags } of lines) for (const tag of tags) expect(tag.length).toBeLessThanOrEqual(200);
  });

  test("sends durations whose sum is that of the engine within 5 %", async () => {
    await using server = await startStatsd();
    const host = await openEngine([dogstatsd({ port: server.port })]);
    const { executionTimeMs } = await runMixed(host.engines.of(undefined), 120);
    await host[Symbol.asyncDispose]();
    const read = async () => readDistribution((await server.read()).packets, METRIC.executionTime);
    const total = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
    const counted = async () => total((await read()).map(({ count }) => count));
    await expect.poll(counted, { timeout: 20_000 }).toBe(120);
    const sum = total((await read()).map(({ value, count }) => value * count));
    expect(Math.abs(sum / executionTimeMs.sum - 1)).toBeLessThan(0.05);
  });

  test("refuses what is no port", async () => {
    const refusal = expect.objectContaining({ code: 400, kind: "invalid_options" });
    await expect(dogstatsd({ port: 70_000 }).open()).rejects.toEqual(refusal);
    await expect(dogstatsd({ intervalMs: 0 }).open()).rejects.toEqual(refusal);
  });
});

async function linesOf(server: StatsdServer): Promise<readonly DogStatsdLine[]> {
  return (await server.read()).packets.flatMap(readDogStatsd);
}

/** One request that called tools. */
function recordRequest({ sink }: OpenTelemetry, tools: readonly string[], args: JsonObject = {}): void {
  const request = sink.begin();
  request.intent("run_code");
  request.kind("javascript");
  for (const [call, ref] of tools.entries())
    request
      .toolCall({ call, ref, server: "errors", remote: true, args })
      .end({ outcome: "ok", sent: true, cached: false });
  request.end({ status: "returned", tokens: 3, tokensSaved: 0, tokenLimited: false });
}

/** What `promtool check metrics` complains about. */
function checkMetrics(text: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile("promtool", ["check", "metrics"], (_, out, err) => resolve(out + err));
    child.stdin?.end(text);
  });
}
