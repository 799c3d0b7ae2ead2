// Where the exporters of the shared suite deliver to: real servers, or the lines themselves, read by their format's rules.

import { Validator } from "@cfworker/json-schema";
import { closeServer, listen } from "../../../demo/servers/loopback.ts";
import { dogstatsd } from "../../../src/host/telemetry/dogstatsd.ts";
import { cloudWatchEmf } from "../../../src/telemetry/exporters/cloudwatch-emf.ts";
import { jsonLines } from "../../../src/telemetry/exporters/json-lines.ts";
import { otlp } from "../../../src/telemetry/exporters/otlp.ts";
import { prometheus } from "../../../src/telemetry/exporters/prometheus.ts";
import { METRIC } from "../../../src/telemetry/names.ts";
import type { ExporterCase } from "../../suites/telemetry-exporter-suite.ts";
import { EMF_SCHEMA } from "./emf-schema.ts";
import type { OtlpParts } from "./otlp-parts.ts";
import { type MetricsServer, startPrometheus, startVictoriaMetrics } from "./prometheus-server.ts";
import { startStatsd } from "./statsd-server.ts";

/** Longer than any test: what arrives was sent at the end. */
const NEVER_MS = 600_000;

const NEVER_WRITES = {
  "it throws": () => {
    throw new Error("full");
  },
  "it never answers": () => new Promise<void>(() => {}),
};

/** A Prometheus that scrapes. */
export function prometheusCase(program: string | undefined): ExporterCase {
  return {
    name: "prometheus()",
    dead: "asked",
    async open() {
      if (program === undefined) return "There is no prometheus, and none could be installed.";
      await using opening = new AsyncDisposableStack();
      const exporter = prometheus();
      const page = opening.use(await servePage(() => exporter.write()));
      const server = opening.use(await startPrometheus(program, { url: page.url, token: "t" }));
      const parts = opening.move();
      return {
        exporter,
        total: totalBy(server, "mcp_optimizer_execution_time_seconds"),
        [Symbol.asyncDispose]: () => parts.disposeAsync(),
      };
    },
  };
}

/** A VictoriaMetrics that takes OTLP. */
export function otlpCase(parts: OtlpParts | string): ExporterCase {
  return {
    name: "otlp()",
    dead: {
      "nobody listens": () => otlp({ url: "http://127.0.0.1:9", intervalMs: 200, delayMs: 50 }),
    },
    async open() {
      if (typeof parts === "string") return parts;
      const server = await startVictoriaMetrics(parts.victoriaMetrics);
      return {
        exporter: otlp({
          url: `${server.url}/opentelemetry`,
          signals: ["metrics"],
          intervalMs: NEVER_MS,
        }),
        total: totalBy(server, "mcp_optimizer_execution_time_ms_milliseconds"),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  };
}

/** By PromQL. */
function totalBy(server: MetricsServer, time: string) {
  const nameOf = (metric: string): string => {
    if (metric === METRIC.executionTime) return `${time}_count`;
    const name = metric.replaceAll(".", "_");
    return metric === METRIC.openRequests ? name : `${name}_total`;
  };
  return (metric: string, where?: readonly [string, string]) =>
    server.query(
      where === undefined
        ? nameOf(metric)
        : `${nameOf(metric)}{${where[0].replaceAll(".", "_")}="${where[1]}"}`,
    );
}

export function jsonLinesCase(): ExporterCase {
  const dead = (write: () => Promise<void> | void) => () =>
    jsonLines({ write, intervalMs: 200, delayMs: 50 });
  return {
    name: "jsonLines()",
    dead: {
      "it throws": dead(NEVER_WRITES["it throws"]),
      "it never answers": dead(NEVER_WRITES["it never answers"]),
    },
    async open() {
      const lines: MetricLine[] = [];
      return {
        exporter: jsonLines({
          write: (line) => {
            const parsed = JSON.parse(line);
            if (parsed.type === "metric") lines.push(parsed);
          },
          intervalMs: NEVER_MS,
        }),
        async total(metric, where) {
          const values = lines
            .filter(({ name, attributes }) => name === metric && has(attributes, where))
            .map(({ value }) => (typeof value === "number" ? value : value.count));
          return metric === METRIC.openRequests ? values.at(-1) : sum(values);
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

interface MetricLine {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number | { readonly count: number };
}

/** Each document has to be one by AWS' schema, with the members that it refers to. */
export function cloudWatchCase(): ExporterCase {
  const dead = (write: () => Promise<void> | void) => () => cloudWatchEmf({ write, intervalMs: 200 });
  return {
    name: "cloudWatchEmf()",
    dead: {
      "it throws": dead(NEVER_WRITES["it throws"]),
      "it never answers": dead(NEVER_WRITES["it never answers"]),
    },
    async open() {
      const lines: string[] = [];
      return {
        exporter: cloudWatchEmf({
          write: (line) => {
            lines.push(line);
          },
          intervalMs: NEVER_MS,
        }),
        async total(metric, where) {
          const values = lines
            .map(readEmf)
            .filter((document) => has(document, where))
            .flatMap((document) => (document[metric] === undefined ? [] : [emfNumber(document[metric])]));
          return metric === METRIC.openRequests ? values.at(-1) : sum(values);
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

const emf = new Validator(EMF_SCHEMA, "7");

/** A document that CloudWatch would make metrics of. Throws where it would not. */
export function readEmf(line: string): Readonly<Record<string, unknown>> {
  const document = JSON.parse(line);
  const { valid, errors } = emf.validate(document);
  if (!valid) throw new Error(`no embedded metric format: ${JSON.stringify(errors)}`);
  for (const { Dimensions, Metrics } of document._aws.CloudWatchMetrics) {
    for (const name of Dimensions.flat())
      if (typeof document[name] !== "string") throw new Error(`no dimension ${name}`);
    for (const { Name } of Metrics) emfNumber(document[Name]);
  }
  return document;
}

function emfNumber(target: unknown): number {
  if (typeof target === "number") return target;
  if (typeof target === "object" && target !== null && "Count" in target && "Sum" in target)
    return Number(target.Count);
  throw new Error(`no value: ${JSON.stringify(target)}`);
}

/** A StatsD of the npm registry. Distributions are counted as Datadog's agent does it. */
export function dogstatsdCase(): ExporterCase {
  return {
    name: "dogstatsd()",
    dead: {
      "nobody listens": () => dogstatsd({ port: 9, intervalMs: 200 }),
      "its host has no address": () => dogstatsd({ host: "nobody.invalid", intervalMs: 200 }),
    },
    async open() {
      const server = await startStatsd();
      return {
        exporter: dogstatsd({ port: server.port, intervalMs: NEVER_MS }),
        async total(metric, where) {
          const { packets, counters, gauges } = await server.read();
          if (metric === METRIC.executionTime)
            return sum(readDistribution(packets, metric).map(({ count }) => count));
          const read = metric === METRIC.openRequests ? gauges : counters;
          return sum(
            Array.from(read).flatMap(([key, value]) => {
              const [name, ...tags] = key.split(";");
              const isIt = name === metric && (where === undefined || tags.includes(where.join("=")));
              return isIt ? [value] : [];
            }),
          );
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  };
}

/** One line, by Datadog's page "Datagram Format and Shell Usage". */
const DOGSTATSD_LINE =
  /^(?<name>[\w.]+):(?<value>-?[\d.]+)\|(?<type>[cgd])(?:\|@(?<rate>0\.\d+))?\|#(?<tags>[\w.:/-]+(?:,[\w.:/-]+)*)$/;

export interface DogStatsdLine {
  readonly name: string;
  readonly value: number;
  readonly type: string;
  /** How many values it stands for: the agent cuts the fraction off. */
  readonly count: number;
  readonly tags: readonly string[];
}

/** Throws for a line that is none. */
export function readDogStatsd(packet: string): readonly DogStatsdLine[] {
  return packet.split("\n").map((line) => {
    const { name = "", value, type = "", rate = "1", tags = "" } = DOGSTATSD_LINE.exec(line)?.groups ?? {};
    if (value === undefined) throw new Error(`no line of DogStatsD: ${line}`);
    return { name, value: Number(value), type, count: Math.trunc(1 / Number(rate)), tags: tags.split(",") };
  });
}

export function readDistribution(packets: readonly string[], metric: string): readonly DogStatsdLine[] {
  return packets.flatMap(readDogStatsd).filter(({ name, type }) => name === metric && type === "d");
}

function has(
  attributes: Readonly<Record<string, unknown>>,
  where: readonly [string, string] | undefined,
): boolean {
  return where === undefined || String(attributes[where[0]]) === where[1];
}

/** `undefined` for none. */
function sum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((all, value) => all + value);
}

/** A page that anybody may read. */
async function servePage(read: () => Promise<string>): Promise<AsyncDisposable & { readonly url: string }> {
  const { server, port } = await listen(
    (_, response) => {
      void read().then(
        (text) => response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(text),
        // The engine has ended.
        () => response.writeHead(503).end(),
      );
    },
    { port: 0, host: "127.0.0.1", name: "The page of metrics" },
  );
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => closeServer(server) };
}
