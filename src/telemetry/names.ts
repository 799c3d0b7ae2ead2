// Names of metrics, spans and attributes. Those of the GenAI and MCP semantic conventions are still in development:
// they stand here as they were in November 2026, in place of a package whose names move.

/** Of what measures and traces: the instrumentation scope. */
export const SCOPE = "mcp-optimizer";

/** The engine's own metrics. */
export const METRIC = {
  requests: "mcp_optimizer.requests",
  openRequests: "mcp_optimizer.open_requests",
  executionTime: "mcp_optimizer.execution_time_ms",
  tokensUsed: "mcp_optimizer.tokens_used",
  tokensSaved: "mcp_optimizer.tokens_saved",
  cacheLookups: "mcp_optimizer.cache_lookups",
  cacheHits: "mcp_optimizer.cache_hits",
  toolCalls: "mcp_optimizer.tool_calls",
  sandboxViolations: "mcp_optimizer.sandbox_violations",
  executionTimeouts: "mcp_optimizer.execution_timeouts",
  tokenLimitExceeded: "mcp_optimizer.token_limit_exceeded",
  operationsByIntent: "mcp_optimizer.operations_by_intent",
  /** MCP semantic conventions. Seconds. */
  clientOperation: "mcp.client.operation.duration",
} as const;

/** Attributes of the engine's own. */
export const OWN = {
  intent: "mcp_optimizer.intent",
  kind: "mcp_optimizer.kind",
  status: "mcp_optimizer.status",
  code: "mcp_optimizer.code",
  runId: "mcp_optimizer.run.id",
  tokens: "mcp_optimizer.tokens",
  tokensSaved: "mcp_optimizer.tokens_saved",
  server: "mcp_optimizer.server",
  cached: "mcp_optimizer.cached",
  outcome: "mcp_optimizer.outcome",
} as const;

/** Attributes of the semantic conventions. */
export const SEMANTIC = {
  method: "mcp.method.name",
  operation: "gen_ai.operation.name",
  tool: "gen_ai.tool.name",
  callId: "gen_ai.tool.call.id",
  args: "gen_ai.tool.call.arguments",
  result: "gen_ai.tool.call.result",
  error: "error.type",
} as const;

/** Bounds of the buckets of durations, of the semantic conventions. Seconds. */
export const SECONDS_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** The same for the engine's, whose programs end sooner. Milliseconds. */
export const MILLISECONDS_BUCKETS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000,
];
