import { Counts, type TelemetryCounts } from "./counts.ts";
import type { TelemetryExporter } from "./exporter.ts";
import type { RequestTrace, TraceSink } from "./trace.ts";

/** Where an engine's metrics and spans go, and how much they hold. */
export interface TelemetryOptions {
  readonly exporters: readonly TelemetryExporter[];
  /**
   * Puts arguments and results of tools into spans, cut to 8,192 characters and without what looks like a credential.
   * Default false: then spans hold names, times, sizes and kinds of failure only.
   */
  readonly captureContent?: boolean;
  /** Sends MCP servers the trace context of their calls, in `_meta`. Default true, where an exporter takes spans. */
  readonly propagate?: boolean;
  /** The name of this application in what is exported. Default `mcp-optimizer`. */
  readonly serviceName?: string;
}

/** Counts an engine's work, and has it recorded where somebody exports it. */
export interface Telemetry {
  readonly counts: TelemetryCounts;
  /** `undefined` while it is switched off. */
  begin(): RequestTrace | undefined;
  cacheLookup(hit: boolean): void;
}

/** `sink` records for exporters; absent where there are none. */
export function createTelemetry(enabled: () => boolean, sink: TraceSink | undefined): Telemetry {
  const counts = new Counts();
  return {
    get counts() {
      return counts.snapshot;
    },
    begin() {
      if (!enabled()) return undefined;
      const own = counts.begin();
      return sink === undefined ? own : both(own, sink.begin());
    },
    cacheLookup(hit) {
      if (!enabled()) return;
      counts.cacheLookup(hit);
      sink?.cacheLookup(hit);
    },
  };
}

function both(own: RequestTrace, recorded: RequestTrace): RequestTrace {
  return {
    phase: (phase) => recorded.phase(phase),
    kind: (kind) => recorded.kind(kind),
    intent(name) {
      own.intent(name);
      recorded.intent(name);
    },
    toolCall(start) {
      const counted = own.toolCall(start);
      const span = recorded.toolCall(start);
      return {
        context: span.context,
        end(how) {
          counted.end(how);
          span.end(how);
        },
      };
    },
    end(how) {
      own.end(how);
      recorded.end(how);
    },
  };
}
