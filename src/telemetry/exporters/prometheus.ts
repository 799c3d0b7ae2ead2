import type {
  HistogramMetricData,
  MetricData,
  MetricReader,
  ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { OptimizerError } from "../../base/errors.ts";
import type { TelemetryExporter } from "../exporter.ts";

/** Metrics for whoever asks, in Prometheus' text format 0.0.4. Spans don't go there. */
export interface PrometheusExporter extends TelemetryExporter {
  /** All metrics as they are now. Rejects with 500 `telemetry_closed` before an engine opened it. */
  write(): Promise<string>;
}

/** Keeps metrics for a Prometheus that scrapes them; in Node only. One for each engine or host. */
export function prometheus(): PrometheusExporter {
  let opened: { readonly reader: MetricReader; serialize(metrics: ResourceMetrics): string } | undefined;
  return {
    name: "prometheus",
    async open() {
      const [{ PrometheusSerializer }, { MetricReader, DataPointType }] = await Promise.all([
        import("@opentelemetry/exporter-prometheus"),
        import("@opentelemetry/sdk-metrics"),
      ]);
      // It is asked, and exports nothing by itself.
      class PulledReader extends MetricReader {
        protected override async onShutdown(): Promise<void> {}
        protected override async onForceFlush(): Promise<void> {}
      }
      const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
      const isHistogram = (metric: MetricData): metric is HistogramMetricData =>
        metric.dataPointType === DataPointType.HISTOGRAM;
      const reader = new PulledReader();
      opened = {
        reader,
        serialize: ({ resource, scopeMetrics }) =>
          serializer.serialize({
            resource,
            scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
              scope,
              metrics: metrics.map((metric) => (isHistogram(metric) ? inSeconds(metric) : metric)),
            })),
          }),
      };
      return { reader };
    },
    async write() {
      if (opened === undefined)
        throw new OptimizerError("The exporter is not open.", { code: 500, kind: "telemetry_closed" });
      const { resourceMetrics } = await opened.reader.collect();
      return `${opened.serialize(resourceMetrics).trimEnd()}\n`;
    },
  };
}

/** Prometheus wants base units, and their names at the end. */
function inSeconds(metric: HistogramMetricData): HistogramMetricData {
  const { name, unit } = metric.descriptor;
  const perSecond = unit === "ms" ? 1_000 : 1;
  return {
    ...metric,
    descriptor: { ...metric.descriptor, name: `${name.replace(/_ms$/, "")}_seconds`, unit: "s" },
    dataPoints: metric.dataPoints.map((point) => ({
      ...point,
      value: {
        ...point.value,
        ...(point.value.sum === undefined ? {} : { sum: point.value.sum / perSecond }),
        buckets: {
          counts: point.value.buckets.counts,
          boundaries: point.value.buckets.boundaries.map((bound) => bound / perSecond),
        },
      },
    })),
  };
}
