import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { VERSION } from "../version.ts";
import { SCOPE } from "./names.ts";
import { createRecorder } from "./recorder.ts";
import type { TelemetryOptions } from "./telemetry.ts";
import type { TraceSink } from "./trace.ts";

/** How long the last export may take. Milliseconds. */
const LAST_EXPORT_MS = 2_000;

/** Exporters that were opened. Disposing it exports what is left. */
export interface OpenTelemetry extends AsyncDisposable {
  readonly sink: TraceSink;
}

/** Loads OpenTelemetry's SDK and opens the exporters. Rejects as they do. */
export async function openTelemetry(options: TelemetryOptions): Promise<OpenTelemetry> {
  const { exporters, captureContent = false, propagate = true, serviceName = SCOPE } = options;
  const parts = await Promise.all(exporters.map((exporter) => exporter.open()));
  const readers = parts.flatMap(({ reader }) => reader ?? []);
  const spanProcessors = parts.flatMap(({ spans }) => spans ?? []);
  const resource = resourceFromAttributes({ "service.name": serviceName, "service.version": VERSION });
  const meters = new MeterProvider({ resource, readers });
  const tracers = new TracerProvider({ resource, spanProcessors });
  return {
    sink: createRecorder({
      meter: meters.getMeter(SCOPE, VERSION),
      tracer: spanProcessors.length === 0 ? undefined : tracers.getTracer(SCOPE, VERSION),
      captureContent,
      propagate,
    }),
    async [Symbol.asyncDispose]() {
      const ending = Promise.allSettled([meters.shutdown(), tracers.shutdown()]);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, LAST_EXPORT_MS);
      });
      await Promise.race([ending, late]);
      clearTimeout(timer);
    },
  };
}
