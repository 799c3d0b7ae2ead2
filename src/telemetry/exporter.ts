import type { IMetricReader } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";

/** What OpenTelemetry's SDK is given on behalf of one exporter. */
export interface ExporterParts {
  readonly reader?: IMetricReader;
  readonly spans?: SpanProcessor;
}

/**
 * One place that metrics and spans go to.
 *
 * `open` loads what it needs, once, when an engine begins; it rejects with an `OptimizerError` for options that make no
 * sense. What can't be delivered later is dropped: no run waits for an exporter, and none fails by it.
 */
export interface TelemetryExporter {
  readonly name: string;
  open(): Promise<ExporterParts>;
}
