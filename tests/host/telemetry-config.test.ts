import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/cli/config.ts";
import { sayTelemetry, telemetryPlaces } from "../../src/cli/telemetry.ts";
import { resolveTelemetry } from "../../src/cli/telemetry-config.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-telemetry-"));
  return () => rm(folder, { recursive: true, force: true });
});

/** What `serve` is told by a file, by flags and by the environment. */
async function resolve(
  telemetry?: object,
  env: Readonly<Record<string, string>> = {},
  flags: Readonly<Record<string, string>> = {},
) {
  await writeFile(path.join(folder, "mcp-optimizer.config.json"), JSON.stringify({ telemetry }));
  const config = await loadConfig({ flags: new Map(Object.entries(flags)), env, cwd: folder });
  return resolveTelemetry(config, env);
}

const collector = "http://collector.example:4318";

describe("telemetry in the configuration", () => {
  test("is nothing where nobody speaks of it: the host has /metrics", async () => {
    const telemetry = await resolve();
    expect(telemetry).toBeUndefined();
    expect(sayTelemetry(telemetry)).toBe("Telemetry goes to /metrics (prometheus).");
    expect(sayTelemetry(await resolve({ prometheus: false }))).toBe("Telemetry goes nowhere.");
  });

  test("names each exporter by its own options, files beside the configuration", async () => {
    const telemetry = await resolve(
      {
        otlp: {
          url: collector,
          headers: { authorization: "Bearer ${KEY}" },
          signals: ["traces"],
          intervalMs: 5_000,
          delayMs: 100,
        },
        jsonLines: { file: "telemetry.jsonl" },
        cloudWatchEmf: { file: "-", namespace: "Shop" },
        dogstatsd: {},
        captureContent: true,
        propagate: false,
        serviceName: "shop",
      },
      // As it comes from a file.
      { KEY: "hunter2\n" },
    );
    expect(telemetry).toEqual({
      otlp: {
        url: collector,
        headers: { authorization: "Bearer hunter2" },
        signals: ["traces"],
        intervalMs: 5_000,
        delayMs: 100,
      },
      jsonLines: { file: path.join(folder, "telemetry.jsonl") },
      cloudWatchEmf: { file: "-", namespace: "Shop" },
      dogstatsd: {},
      captureContent: true,
      propagate: false,
      serviceName: "shop",
    });
    expect(telemetryPlaces(telemetry)).toEqual([
      { exporter: "prometheus", to: "/metrics" },
      { exporter: "otlp", to: collector },
      { exporter: "jsonLines", to: path.join(folder, "telemetry.jsonl") },
      { exporter: "cloudWatchEmf", to: "-" },
      { exporter: "dogstatsd", to: "127.0.0.1:8125" },
    ]);
    expect(sayTelemetry(telemetry)).toContain("standard output (cloudWatchEmf)");
    expect(sayTelemetry(telemetry)).toContain("with arguments and results of tools in spans");
    expect(sayTelemetry(telemetry)).not.toContain("hunter2");
  });

  test("comes from flags, else from the environment, else from the file", async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20k%3D, x-team = shop ,",
      OTEL_SERVICE_NAME: "from-environment",
      MCP_OPTIMIZER_JSON_LINES: "-",
      MCP_OPTIMIZER_CLOUDWATCH_EMF: "/var/log/emf",
      MCP_OPTIMIZER_DOGSTATSD_HOST: "agent.example",
      MCP_OPTIMIZER_DOGSTATSD_PORT: "8126",
    };
    const headers = { authorization: "Bearer k=", "x-team": "shop" };
    const fromEnvironment = {
      otlp: { url: collector, headers },
      serviceName: "from-environment",
      jsonLines: { file: "-" },
      cloudWatchEmf: { file: path.resolve("/var/log/emf") },
      dogstatsd: { host: "agent.example", port: 8_126 },
    };
    expect(await resolve(undefined, env)).toEqual(fromEnvironment);
    const file = {
      serviceName: "from-file",
      jsonLines: { file: "lines", delayMs: 100 },
      dogstatsd: { port: 1, intervalMs: 100 },
    };
    expect(await resolve(file, env)).toEqual({
      ...fromEnvironment,
      jsonLines: { file: "-", delayMs: 100 },
      dogstatsd: { host: "agent.example", port: 8_126, intervalMs: 100 },
    });
    const flags = { "otlp-url": "http://flag.example", "service-name": "from-flag" };
    expect(await resolve(undefined, env, flags)).toEqual({
      ...fromEnvironment,
      otlp: { url: "http://flag.example", headers },
      serviceName: "from-flag",
    });
    expect(await resolve(undefined, { OTEL_EXPORTER_OTLP_HEADERS: "a=b" })).toBeUndefined();
  });

  test("sends the file's headers to the file's address alone", async () => {
    const otlp = { url: "https://own.example", headers: { authorization: "Bearer own" }, intervalMs: 100 };
    expect(await resolve({ otlp }, { OTEL_EXPORTER_OTLP_ENDPOINT: collector })).toEqual({
      otlp: { url: collector, headers: {}, intervalMs: 100 },
    });
    const env = { OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20other,x-team=shop" };
    expect(await resolve({ otlp }, env)).toEqual({
      otlp: { ...otlp, headers: { authorization: "Bearer other", "x-team": "shop" } },
    });
  });

  test.for([
    [{ otpl: {} }, "did you mean otlp?"],
    [{ otlp: {} }, "telemetry.otlp.url is required"],
    [{ otlp: { url: collector, signals: ["logs"] } }, "telemetry.otlp.signals[0]"],
    [{ otlp: { url: collector, intervalMs: 0 } }, "telemetry.otlp.intervalMs"],
    [{ otlp: { url: collector, headers: { a: 1 } } }, "telemetry.otlp.headers.a"],
    [{ otlp: { url: "collector.example:4318" } }, "telemetry.otlp.url"],
    [{ otlp: { url: "https://me:hunter2@collector.example" } }, "telemetry.otlp.url"],
    [{ otlp: { url: "https://collector.example/?key=hunter2" } }, "telemetry.otlp.url"],
    [{ otlp: { url: collector, headers: { "a b": "hunter2" } } }, "telemetry.otlp.headers"],
    [{ otlp: { url: collector, headers: { a: "hunter2\r\nb: c" } } }, "telemetry.otlp.headers"],
    [{ otlp: { url: collector, headers: { a: "${ABSENT}" } } }, "telemetry.otlp.headers"],
    [{ jsonLines: {} }, "telemetry.jsonLines.file is required"],
    [{ cloudWatchEmf: true }, "telemetry.cloudWatchEmf"],
    [{ dogstatsd: { port: 70_000 } }, "telemetry.dogstatsd.port"],
    [{ captureContent: "yes" }, "telemetry.captureContent"],
  ] as const)(
    "is refused with the place of the mistake and without its value: %j",
    async ([telemetry, place]) => {
      const refused = resolve(telemetry);
      await expect(refused).rejects.toMatchObject({
        code: 400,
        kind: "invalid_config",
        message: expect.stringContaining(place),
      });
      await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining("hunter2") });
    },
  );

  test.for([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector.example:4317" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      "OTEL_EXPORTER_OTLP_PROTOCOL",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_HEADERS: "hunter2" },
      "OTEL_EXPORTER_OTLP_HEADERS",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_HEADERS: "a=hunter2%" },
      "OTEL_EXPORTER_OTLP_HEADERS",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_HEADERS: "a=hunter2%0Ab" },
      "OTEL_EXPORTER_OTLP_HEADERS",
    ],
  ] as const)("names the variable that makes no sense, to who sends telemetry: %j", async ([env, name]) => {
    const refused = resolve(undefined, env);
    await expect(refused).rejects.toMatchObject({
      code: 400,
      kind: "invalid_config",
      message: expect.stringContaining(name),
    });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining("hunter2") });
    // Other commands don't mind.
    expect(await loadConfig({ flags: new Map(), env, cwd: folder })).toMatchObject({
      otlpUrl: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    });
  });
});
