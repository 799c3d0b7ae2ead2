import type { TelemetryExporter } from "../exporter.ts";
import type { MetricBatch, MetricPoint } from "../gained-metrics.ts";

/** Options of {@link cloudWatchEmf}. */
export interface CloudWatchEmfOptions {
  /**
   * Takes one document, a line without its end, to where CloudWatch reads logs: standard output in Lambda, the agent's
   * socket or file elsewhere. Where it throws or rejects, the rest of that batch is lost.
   */
  readonly write: (line: string) => Promise<void> | void;
  /** Under which CloudWatch shows the metrics. Default `mcp-optimizer`. */
  readonly namespace?: string;
  /** From one batch to the next. Milliseconds, default 60,000: CloudWatch keeps a value a minute. */
  readonly intervalMs?: number;
}

/**
 * Writes metrics in CloudWatch's embedded metric format: one document for each set of attributes, which are its
 * dimensions, with what the metrics gained. Each metric with its dimensions is one that AWS charges for.
 */
export function cloudWatchEmf(options: CloudWatchEmfOptions): TelemetryExporter {
  const { namespace = "mcp-optimizer", intervalMs = 60_000 } = options;
  return {
    name: "cloudwatch-emf",
    async open() {
      const { createGainedMetrics } = await import("../gained-metrics.ts");
      const reader = createGainedMetrics({
        intervalMs,
        buckets: "given",
        async send(batch) {
          for (const document of documentsOf(batch, namespace)) await options.write(JSON.stringify(document));
        },
        close: async () => {},
      });
      return { reader };
    },
  };
}

function documentsOf({ service, points }: MetricBatch, namespace: string): readonly object[] {
  const groups = Map.groupBy(points, ({ attributes }) => JSON.stringify(attributes));
  return Array.from(groups.values(), (group) => {
    const dimensions = Object.fromEntries(
      Object.entries(group[0]?.attributes ?? {}).map(([name, value]) => [
        name,
        dimensionValue(String(value)),
      ]),
    );
    return {
      _aws: {
        Timestamp: Math.round(Math.max(...group.map(({ time }) => time))),
        CloudWatchMetrics: [
          {
            Namespace: namespace,
            Dimensions: [Object.keys(dimensions)],
            Metrics: group.map(({ name, unit }) => ({ Name: name, Unit: UNITS.get(unit) ?? "Count" })),
          },
        ],
      },
      service,
      ...dimensions,
      ...Object.fromEntries(group.map((point) => [point.name, targetOf(point)])),
    };
  });
}

const UNITS: ReadonlyMap<string, string> = new Map([
  ["ms", "Milliseconds"],
  ["s", "Seconds"],
]);

/** A histogram is a set of statistics, as the OpenTelemetry distribution of AWS writes it too. */
function targetOf({ value }: MetricPoint): number | object {
  if (typeof value === "number") return value;
  const { count, sum = 0, min = 0, max = 0 } = value;
  return { Count: count, Sum: sum, Min: min, Max: max };
}

/** CloudWatch takes up to 1,024 characters of printable ASCII, and no empty value. */
function dimensionValue(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, "_").trim();
  return printable === "" ? "none" : printable.slice(0, 1_024);
}
