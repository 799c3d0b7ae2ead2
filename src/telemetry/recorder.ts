// Loaded when telemetry is given: from here on it is OpenTelemetry.

import {
  type Attributes,
  type Context,
  type Meter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { isSuccess, isTimeout, isViolation } from "./counts.ts";
import { createNameLimit, MAX_NAMES } from "./name-limit.ts";
import { METRIC, MILLISECONDS_BUCKETS, OWN, SECONDS_BUCKETS, SEMANTIC } from "./names.ts";
import { redact } from "./redact.ts";
import type { RequestEnd, RequestTrace, ToolCallStart, ToolTrace, TraceContext, TraceSink } from "./trace.ts";

export interface RecorderOptions {
  /** Absent: no spans are made, and no server is told of any. */
  readonly tracer: Tracer | undefined;
  readonly meter: Meter;
  /** Arguments and results go into spans, without what looks like a credential. */
  readonly captureContent: boolean;
  /** Servers are sent the trace context of their calls. */
  readonly propagate: boolean;
}

/** Kinds of failure that metrics tell apart. */
const MAX_KINDS = 60;

/** Makes metrics and spans of the engine's work, by the API that it is given. */
export function createRecorder(options: RecorderOptions): TraceSink {
  const { tracer, captureContent, propagate } = options;
  const metrics = createInstruments(options.meter);
  const limits = {
    intent: createNameLimit(MAX_NAMES),
    tool: createNameLimit(MAX_NAMES),
    kind: createNameLimit(MAX_KINDS),
  };

  const beginTool = (start: ToolCallStart, parent: Context): ToolTrace => {
    const began = performance.now();
    const tool = limits.tool(start.ref);
    const common: Attributes = {
      [SEMANTIC.operation]: "execute_tool",
      [SEMANTIC.tool]: tool,
      ...(start.remote ? { [SEMANTIC.method]: "tools/call" } : {}),
    };
    const span = tracer?.startSpan(
      start.remote ? `tools/call ${tool}` : `execute_tool ${tool}`,
      {
        kind: start.remote ? SpanKind.CLIENT : SpanKind.INTERNAL,
        attributes: {
          ...common,
          [SEMANTIC.callId]: String(start.call),
          ...(start.server === undefined ? {} : { [OWN.server]: start.server }),
          ...(captureContent ? { [SEMANTIC.args]: redact(JSON.stringify(start.args)) } : {}),
        },
      },
      parent,
    );
    return {
      context: propagate && start.remote && span !== undefined ? contextOf(span) : undefined,
      end({ outcome, kind, sent, cached, json }) {
        const error = outcome === "error" ? { [SEMANTIC.error]: limits.kind(kind) } : {};
        metrics.toolCalls.add(1, { [SEMANTIC.tool]: tool, [OWN.outcome]: outcome });
        if (sent && !cached && start.remote)
          metrics.clientOperation.record((performance.now() - began) / 1_000, { ...common, ...error });
        if (span === undefined) return;
        span.setAttributes({ [OWN.outcome]: outcome, [OWN.cached]: cached, ...error });
        if (captureContent && json !== undefined) span.setAttribute(SEMANTIC.result, redact(json));
        if (outcome === "error") span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  };

  return {
    cacheLookup(hit) {
      metrics.cacheLookups.add(1);
      if (hit) metrics.cacheHits.add(1);
    },

    begin() {
      const began = performance.now();
      const root = tracer?.startSpan("run", undefined, ROOT_CONTEXT);
      const inRoot = root === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, root);
      let phase: Span | undefined;
      let calls: Span | undefined;
      let name: string | undefined;
      let kind = "none";
      let ended = false;
      metrics.openRequests.add(1);
      return {
        phase(next) {
          phase?.end();
          phase = next === undefined ? undefined : tracer?.startSpan(next, undefined, inRoot);
          calls = next === "guest" ? phase : undefined;
        },
        intent: (given) => {
          name = given;
        },
        kind: (given) => {
          kind = given;
        },
        toolCall: (start) => beginTool(start, calls === undefined ? inRoot : trace.setSpan(inRoot, calls)),
        end(end) {
          if (ended) return;
          ended = true;
          const intent = limits.intent(name);
          const error = isSuccess(end) ? {} : { [SEMANTIC.error]: limits.kind(end.kind) };
          measure(end, intent, kind, performance.now() - began);
          phase?.end();
          if (root === undefined) return;
          root.updateName(`run ${intent}`);
          root.setAttributes({
            [OWN.intent]: intent,
            [OWN.kind]: kind,
            [OWN.status]: end.status,
            ...(end.runId === undefined ? {} : { [OWN.runId]: end.runId }),
            ...(end.code === undefined ? {} : { [OWN.code]: end.code }),
            [OWN.tokens]: end.tokens,
            [OWN.tokensSaved]: end.tokensSaved,
            ...error,
          });
          if (!isSuccess(end)) root.setStatus({ code: SpanStatusCode.ERROR });
          root.end();
        },
      } satisfies RequestTrace;
    },
  };

  function measure(end: RequestEnd, intent: string, kind: string, ms: number): void {
    const status = { [OWN.status]: end.status, [OWN.kind]: kind };
    metrics.openRequests.add(-1);
    metrics.requests.add(1, end.code === undefined ? status : { ...status, [OWN.code]: end.code });
    metrics.executionTime.record(ms, status);
    metrics.operationsByIntent.add(1, {
      [OWN.intent]: intent,
      [OWN.outcome]: isSuccess(end) ? "ok" : "error",
    });
    if (end.tokens > 0) metrics.tokensUsed.add(end.tokens);
    if (end.tokensSaved > 0) metrics.tokensSaved.add(end.tokensSaved);
    if (isViolation(end)) metrics.sandboxViolations.add(1);
    if (isTimeout(end)) metrics.executionTimeouts.add(1);
    if (end.tokenLimited) metrics.tokenLimitExceeded.add(1);
  }
}

function createInstruments(meter: Meter) {
  const counter = (name: string, description: string) => meter.createCounter(name, { description });
  return {
    requests: counter(METRIC.requests, "Requests that ended, by how they did."),
    openRequests: meter.createUpDownCounter(METRIC.openRequests, { description: "Requests under way." }),
    executionTime: meter.createHistogram(METRIC.executionTime, {
      description: "Time from a request to its answer.",
      unit: "ms",
      advice: { explicitBucketBoundaries: MILLISECONDS_BUCKETS },
    }),
    tokensUsed: counter(METRIC.tokensUsed, "Tokens of values that went back to models."),
    tokensSaved: counter(METRIC.tokensSaved, "Estimate of the tokens that stayed out of models."),
    cacheLookups: counter(METRIC.cacheLookups, "Tool calls that a kept result could have answered."),
    cacheHits: counter(METRIC.cacheHits, "Tool calls that a kept or shared result answered."),
    toolCalls: counter(METRIC.toolCalls, "Tool calls, by how they ended."),
    sandboxViolations: counter(
      METRIC.sandboxViolations,
      "Programs ended because they broke the sandbox's rules.",
    ),
    executionTimeouts: counter(METRIC.executionTimeouts, "Programs ended because their time was over."),
    tokenLimitExceeded: counter(
      METRIC.tokenLimitExceeded,
      "Values cut to a token limit, and refused requests.",
    ),
    operationsByIntent: counter(METRIC.operationsByIntent, "Requests by intent."),
    clientOperation: meter.createHistogram(METRIC.clientOperation, {
      description: "Time of requests to MCP servers.",
      unit: "s",
      advice: { explicitBucketBoundaries: SECONDS_BUCKETS },
    }),
  };
}

function contextOf(span: Span): TraceContext | undefined {
  if (!trace.isSpanContextValid(span.spanContext())) return undefined;
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const tracestate = traceState?.serialize();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    ...(tracestate === undefined || tracestate === "" ? {} : { tracestate }),
  };
}
