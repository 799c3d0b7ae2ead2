// The command line with a configuration, and servers that are not ours: what programs did arrives where the file says.

import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { closeServer, listen } from "../../demo/servers/loopback.ts";
import { METRIC } from "../../src/telemetry/names.ts";
import { readDogStatsd, readEmf } from "../host/setup/exporter-destinations.ts";
import { findOtlpParts, type OtlpParts, startSpanReceiver } from "../host/setup/otlp-parts.ts";
import { startPrometheus, startVictoriaMetrics } from "../host/setup/prometheus-server.ts";
import { startStatsd } from "../host/setup/statsd-server.ts";
import { findPrometheus } from "../setup/prometheus.mjs";
import { PATIENT, postRun, serveCommand, startCommand } from "./command-process.ts";

const parts: OtlpParts | string = await findOtlpParts();
const prometheus = findPrometheus();

const TOKEN = "a-token-of-the-operators-own";
const RUNS = 4;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-cli-telemetry-"));
  return () => rm(folder, { recursive: true, force: true });
});

const configure = (telemetry?: object): Promise<void> =>
  writeFile(
    path.join(folder, "mcp-optimizer.config.json"),
    JSON.stringify({ sandboxes: ["basic"], port: 0, telemetry }),
  );

/** A host that has run programs. Disposing it ends it at once. */
async function openHost(env: Readonly<Record<string, string>> = {}, options: readonly string[] = []) {
  const host = await serveCommand([], { folder, env: { MCP_OPTIMIZER_TOKEN: TOKEN, ...env }, options });
  await expect.poll(() => host.printed.out, PATIENT).toMatch(/Telemetry goes .*\n/);
  for (let run = 0; run < RUNS; run++)
    expect(await (await postRun(host.url, TOKEN, "return 6 * 7")).text()).toContain('"value":42');
  return {
    ...host,
    end() {
      host.child.kill("SIGTERM");
      return host.ended;
    },
    async [Symbol.asyncDispose]() {
      host.child.kill("SIGKILL");
      await host.ended;
    },
  };
}

const readMetrics = (url: string): Promise<Response> =>
  fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });

const sum = (values: readonly unknown[]): number =>
  values.reduce<number>((all, value) => all + Number(value), 0);

const linesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line.startsWith("{"));

describe("serve with telemetry in its configuration", () => {
  test("brings every figure to every place by its end, and shows no credential", async (context) => {
    if (typeof parts === "string") return context.skip(parts);
    if (prometheus === undefined) return context.skip("There is no prometheus, and none could be installed.");
    await using receiver = await startSpanReceiver(parts.protocol);
    await using statsd = await startStatsd();
    await configure({
      otlp: { url: receiver.url, headers: { authorization: "Bearer ${COLLECTOR_KEY}" } },
      jsonLines: { file: "telemetry.jsonl" },
      cloudWatchEmf: { file: "metrics.emf", namespace: "Shop" },
      dogstatsd: { port: statsd.port },
      serviceName: "shop",
    });
    await using host = await openHost({ COLLECTOR_KEY: "hunter2" });
    await using scraper = await startPrometheus(prometheus, { url: host.url, token: TOKEN });
    await expect.poll(() => scraper.query("mcp_optimizer_requests_total"), PATIENT).toBe(RUNS);

    const { code, out, err } = await host.end();
    expect(code).toBe(0);
    for (const place of [
      "/metrics (prometheus)",
      `${receiver.url} (otlp)`,
      `${path.join(folder, "telemetry.jsonl")} (jsonLines)`,
      `${path.join(folder, "metrics.emf")} (cloudWatchEmf)`,
      `127.0.0.1:${statsd.port} (dogstatsd)`,
    ])
      expect(out).toContain(place);
    expect(out + err).not.toContain("hunter2");

    expect(receiver.spans.filter(({ parentSpanId }) => parentSpanId === "")).toHaveLength(RUNS);
    expect(receiver.credentials).toEqual(new Set(["Bearer hunter2"]));

    const file = path.join(folder, "telemetry.jsonl");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const lines = linesOf(await readFile(file, "utf8")).map((line) => JSON.parse(line));
    expect(new Set(lines.map(({ service }) => service))).toEqual(new Set(["shop"]));
    const requests = lines.filter(({ name }) => name === METRIC.requests);
    expect(sum(requests.map(({ value }) => value))).toBe(RUNS);
    const roots = lines.filter(({ type, parentSpanId }) => type === "span" && parentSpanId === undefined);
    expect(roots).toHaveLength(RUNS);

    const documents = linesOf(await readFile(path.join(folder, "metrics.emf"), "utf8")).map(readEmf);
    expect(sum(documents.map((document) => document[METRIC.requests] ?? 0))).toBe(RUNS);
    expect(JSON.stringify(documents)).toContain('"Namespace":"Shop"');

    const counted = async (): Promise<number> => {
      const { packets } = await statsd.read();
      const heard = packets.flatMap(readDogStatsd).filter(({ name }) => name === METRIC.requests);
      return sum(heard.map(({ value }) => value));
    };
    await expect.poll(counted, PATIENT).toBe(RUNS);
  });

  test("takes OpenTelemetry's own variables, and writes lines to standard output", async (context) => {
    if (typeof parts === "string") return context.skip(parts);
    await using server = await startVictoriaMetrics(parts.victoriaMetrics);
    await configure();
    await using host = await openHost({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${server.url}/opentelemetry`,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20hunter2",
      OTEL_SERVICE_NAME: "shop",
      MCP_OPTIMIZER_JSON_LINES: "-",
    });
    const { code, out, err } = await host.end();
    expect(code).toBe(0);
    const requests = linesOf(out)
      .map((line) => JSON.parse(line))
      .filter(({ name, service }) => name === METRIC.requests && service === "shop");
    expect(sum(requests.map(({ value }) => value))).toBe(RUNS);
    const query = 'mcp_optimizer_requests_total{service_name="shop"}';
    await expect.poll(() => server.query(query), PATIENT).toBe(RUNS);
    expect(out + err).not.toContain("hunter2");
  });

  test("ends although a collector never answers", async () => {
    const { server, port } = await listen(() => {}, { port: 0, host: "127.0.0.1", name: "The collector" });
    await using _ = { [Symbol.asyncDispose]: () => closeServer(server) };
    await configure({ otlp: { url: `http://127.0.0.1:${port}` } });
    // Nor does the exporter ever give up.
    const patience = `import http from "node:http"; http.ClientRequest.prototype.setTimeout = function () { return this; };`;
    await using host = await openHost({}, [
      "--import",
      `data:text/javascript,${encodeURIComponent(patience)}`,
    ]);
    expect(await host.end()).toMatchObject({ code: 0 });
  });

  test("loads of OpenTelemetry what it needs: nothing without /metrics and exporters", async () => {
    const loaded = `import { registerHooks } from "node:module"; registerHooks({ resolve(name, context, next) {
      if (name.startsWith("@opentelemetry/")) console.error("loads " + name);
      return next(name, context); } });`;
    const watch = ["--import", `data:text/javascript,${encodeURIComponent(loaded)}`];

    await configure({ prometheus: false });
    await using bare = await openHost({}, watch);
    expect(bare.printed.out).toContain("Telemetry goes nowhere.\n");
    const refused = await readMetrics(bare.url);
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({ error: { kind: "metrics_off" } });
    expect((await bare.end()).err).not.toContain("loads @opentelemetry/");

    await configure();
    await using usual = await openHost({}, watch);
    expect((await readMetrics(usual.url)).status).toBe(200);
    const { err } = await usual.end();
    expect(err).toContain("loads @opentelemetry/sdk-metrics\n");
    expect(err).not.toContain("otlp");
  });

  test("does not start with what makes no sense, and says where it stands", async () => {
    await configure({ jsonLines: { file: "absent/telemetry.jsonl" } });
    const refused = await startCommand(["serve"], { folder, env: { MCP_OPTIMIZER_TOKEN: TOKEN } }).ended;
    expect(refused).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("telemetry.jsonLines.file"),
    });
  });
});

test("doctor says where telemetry goes", async () => {
  await configure({ otlp: { url: "http://127.0.0.1:4318", headers: { authorization: "Bearer hunter2" } } });
  const { code, out } = await startCommand(["doctor"], { folder }).ended;
  expect(code).toBe(0);
  expect(out).toContain("\nTelemetry goes to /metrics (prometheus), http://127.0.0.1:4318 (otlp).\n");
  const json = await startCommand(["doctor", "--json"], { folder }).ended;
  expect(JSON.parse(json.out).telemetry).toEqual([
    { exporter: "prometheus", to: "/metrics" },
    { exporter: "otlp", to: "http://127.0.0.1:4318" },
  ]);
  expect(out + json.out).not.toContain("hunter2");
});
