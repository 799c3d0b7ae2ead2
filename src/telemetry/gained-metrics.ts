// Loaded by exporters that send metrics on themselves: from here on it is OpenTelemetry.

import type { Attributes, HrTime } from "@opentelemetry/api";
import {
  AggregationTemporality,
  AggregationType,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type IMetricReader,
  InstrumentType,
  type MetricData,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { OptimizerError } from "../base/errors.ts";

/** What one metric with one set of attributes gained since the last time; a gauge as it stands. */
export type MetricPoint = {
  readonly name: string;
  /** `ms`, `s`, or empty for a number of things. */
  readonly unit: string;
  readonly attributes: Attributes;
  /** Milliseconds since the epoch: when the time that it tells of began, and ended. */
  readonly since: number;
  readonly time: number;
} & (
  | { readonly kind: "counter" | "gauge"; readonly value: number }
  | { readonly kind: "histogram"; readonly value: Histogram }
  | { readonly kind: "exponential"; readonly value: ExponentialHistogram }
);

/** All that was gained in one interval. */
export interface MetricBatch {
  readonly service: string;
  readonly version: string;
  readonly points: readonly MetricPoint[];
}

export interface GainedMetricsOptions {
  /** From one batch to the next; the last comes when the engine ends. Milliseconds. */
  readonly intervalMs: number;
  /** Of the buckets of histograms, `exponential` ones grow with the values: theirs are at most 160, within 5 %. */
  readonly buckets: "given" | "exponential";
  /** Takes one batch. What it rejects is lost. */
  send(batch: MetricBatch): Promise<void>;
  /** After the last batch. */
  close(): Promise<void>;
}

/** How long one batch may take. Milliseconds. */
const SEND_MS = 10_000;

/** Gives what metrics gained on to `send`, in intervals. Throws 400 for an interval that is none. */
export function createGainedMetrics(options: GainedMetricsOptions): IMetricReader {
  const { intervalMs, buckets } = options;
  if (!(intervalMs > 0 && intervalMs < 2 ** 31)) {
    throw new OptimizerError(`${intervalMs} ms is no interval.`, {
      code: 400,
      kind: "invalid_options",
      hint: "Give a number of milliseconds above 0.",
    });
  }
  return new PeriodicExportingMetricReader({
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(SEND_MS, intervalMs),
    exporter: {
      export({ resource, scopeMetrics }, done) {
        const batch: MetricBatch = {
          service: String(resource.attributes["service.name"]),
          version: String(resource.attributes["service.version"]),
          points: scopeMetrics.flatMap(({ metrics }) => metrics.flatMap(pointsOf)),
        };
        void tellResult(options.send(batch), done);
      },
      selectAggregationTemporality: (instrument) =>
        instrument === InstrumentType.UP_DOWN_COUNTER
          ? AggregationTemporality.CUMULATIVE
          : AggregationTemporality.DELTA,
      selectAggregation: (instrument) => ({
        type:
          buckets === "exponential" && instrument === InstrumentType.HISTOGRAM
            ? AggregationType.EXPONENTIAL_HISTOGRAM
            : AggregationType.DEFAULT,
      }),
      forceFlush: async () => {},
      shutdown: () => options.close(),
    },
  });
}

function pointsOf(metric: MetricData): readonly MetricPoint[] {
  const { name, unit } = metric.descriptor;
  const common = (point: { attributes: Attributes; startTime: HrTime; endTime: HrTime }) => ({
    name,
    unit,
    attributes: point.attributes,
    since: milliseconds(point.startTime),
    time: milliseconds(point.endTime),
  });
  switch (metric.dataPointType) {
    case DataPointType.SUM: {
      const kind = metric.isMonotonic ? "counter" : "gauge";
      return metric.dataPoints.map((point) => ({ ...common(point), kind, value: point.value }));
    }
    case DataPointType.GAUGE:
      return metric.dataPoints.map((point) => ({ ...common(point), kind: "gauge", value: point.value }));
    case DataPointType.HISTOGRAM:
      return metric.dataPoints.map((point) => ({ ...common(point), kind: "histogram", value: point.value }));
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return metric.dataPoints.map((point) => ({
        ...common(point),
        kind: "exponential",
        value: point.value,
      }));
  }
}

/** Tells OpenTelemetry how an export ended: 0 for done, 1 for failed. */
export async function tellResult(
  exported: Promise<void>,
  done: (result: { readonly code: 0 | 1 }) => void,
): Promise<void> {
  const code = await exported.then(
    () => 0 as const,
    () => 1 as const,
  );
  done({ code });
}

/** Of OpenTelemetry's pair of seconds and nanoseconds. */
export function milliseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
