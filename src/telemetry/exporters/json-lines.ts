import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { TelemetryExporter } from "../exporter.ts";
import type { MetricBatch, MetricPoint } from "../gained-metrics.ts";

/** Options of {@link jsonLines}. */
export interface JsonLinesOptions {
  /**
   * Takes one line, without its end. The next one waits for its promise; where it throws or rejects, the rest of that
   * batch is lost.
   */
  readonly write: (line: string) => Promise<void> | void;
  /** Default: both. */
  readonly signals?: readonly ("metrics" | "traces")[];
  /** From one batch of metrics to the next. Milliseconds, default 15,000. */
  readonly intervalMs?: number;
  /** Spans wait this long for company. Milliseconds, default 2,000. */
  readonly delayMs?: number;
}

/** How long one batch of spans may take. Milliseconds. */
const WRITE_MS = 10_000;

/**
 * Writes a line of JSON for each span, and in intervals for each metric that has changed since: `value` is what it
 * gained, so that sums over lines are right.
 */
export function jsonLines(options: JsonLinesOptions): TelemetryExporter {
  const { signals = ["metrics", "traces"], intervalMs = 15_000, delayMs = 2_000 } = options;
  const writeAll = async (lines: readonly object[]): Promise<void> => {
    for (const line of lines) await options.write(JSON.stringify(line));
  };
  return {
    name: "json-lines",
    async open() {
      return {
        ...(signals.includes("metrics") ? { reader: await openMetrics(writeAll, intervalMs) } : {}),
        ...(signals.includes("traces") ? { spans: await openSpans(writeAll, delayMs) } : {}),
      };
    },
  };
}

type WriteAll = (lines: readonly object[]) => Promise<void>;

async function openMetrics(writeAll: WriteAll, intervalMs: number) {
  const { createGainedMetrics } = await import("../gained-metrics.ts");
  return createGainedMetrics({
    intervalMs,
    buckets: "given",
    send: (batch) => writeAll(batch.points.map((point) => metricLine(point, batch))),
    close: async () => {},
  });
}

function metricLine(point: MetricPoint, { service }: MetricBatch): object {
  const { kind, value, name, unit, attributes } = point;
  return {
    type: "metric",
    time: new Date(point.time).toISOString(),
    since: new Date(point.since).toISOString(),
    service,
    name,
    kind,
    ...(unit === "" ? {} : { unit }),
    attributes,
    value: kind === "histogram" ? { ...value, ...value.buckets, buckets: undefined } : value,
  };
}

async function openSpans(writeAll: WriteAll, delayMs: number): Promise<SpanProcessor> {
  const [{ BatchSpanProcessor }, { SpanKind, SpanStatusCode }, { milliseconds, tellResult }] =
    await Promise.all([
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/api"),
      import("../gained-metrics.ts"),
    ]);
  const spanLine = (span: ReadableSpan): object => ({
    type: "span",
    time: new Date(milliseconds(span.startTime)).toISOString(),
    service: span.resource.attributes["service.name"],
    name: span.name,
    kind: SpanKind[span.kind].toLowerCase(),
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    durationMs: milliseconds(span.duration),
    status: span.status.code === SpanStatusCode.ERROR ? "error" : "ok",
    attributes: span.attributes,
  });
  return new BatchSpanProcessor({
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: WRITE_MS,
    exporter: {
      export(spans, done) {
        void tellResult(writeAll(spans.map(spanLine)), done);
      },
      shutdown: async () => {},
    },
  });
}
