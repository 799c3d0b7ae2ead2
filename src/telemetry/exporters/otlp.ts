import { OptimizerError } from "../../base/errors.ts";
import type { TelemetryExporter } from "../exporter.ts";

/** Options of {@link otlp}. */
export interface OtlpOptions {
  /** Base address of a collector, such as `https://otel.example.com`: `/v1/metrics` and `/v1/traces` are added. */
  readonly url: string;
  /** Such as the collector's credentials: they go to its address alone. In a page whoever reads the page reads them too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: both. */
  readonly signals?: readonly ("metrics" | "traces")[];
  /** From one export of metrics to the next. Milliseconds, default 15,000. */
  readonly intervalMs?: number;
  /** Spans wait this long for company. Milliseconds, default 2,000. */
  readonly delayMs?: number;
}

/** How long one export may take. Milliseconds. */
const EXPORT_MS = 10_000;

/** Sends metrics and spans to an OpenTelemetry collector, by OTLP over HTTP in protobuf; of a page it must allow CORS. */
export function otlp(options: OtlpOptions): TelemetryExporter {
  const { signals = ["metrics", "traces"], intervalMs = 15_000, delayMs = 2_000, headers = {} } = options;
  return {
    name: "otlp",
    async open() {
      const base = requireHttp(options.url);
      const target = (signal: string) => ({ url: `${base}/v1/${signal}`, headers: { ...headers } });
      return {
        ...(signals.includes("metrics") ? { reader: await openMetrics(target("metrics"), intervalMs) } : {}),
        ...(signals.includes("traces") ? { spans: await openTraces(target("traces"), delayMs) } : {}),
      };
    },
  };
}

interface Target {
  readonly url: string;
  readonly headers: Record<string, string>;
}

async function openMetrics(target: Target, intervalMs: number) {
  const [{ OTLPMetricExporter }, { PeriodicExportingMetricReader }] = await Promise.all([
    import("@opentelemetry/exporter-metrics-otlp-proto"),
    import("@opentelemetry/sdk-metrics"),
  ]);
  return new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ ...target, timeoutMillis: EXPORT_MS }),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(EXPORT_MS, intervalMs),
  });
}

async function openTraces(target: Target, delayMs: number) {
  const [{ OTLPTraceExporter }, { BatchSpanProcessor }] = await Promise.all([
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/sdk-trace"),
  ]);
  return new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ ...target, timeoutMillis: EXPORT_MS }),
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: EXPORT_MS,
  });
}

function requireHttp(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, "");
  throw new OptimizerError(`otlp: ${text} is no address of a collector.`, {
    code: 400,
    kind: "invalid_options",
    hint: "Give a base address such as https://otel.example.com.",
  });
}
