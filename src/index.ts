import "./base/dispose-symbols.ts";

export {
  type ErrorCode,
  findOptimizerError,
  OptimizerError,
  type OptimizerErrorOptions,
} from "./base/errors.ts";
export type { Json, JsonObject } from "./base/json.ts";
export type { EngineCapabilities, Platform, ServerCapabilities, Storage } from "./capabilities/detect.ts";
export type { MiniManifest, ToolDefinitionForModel } from "./capabilities/manifest.ts";
export { type IndexedDbOptions, indexedDb } from "./context/browser/indexed-db.ts";
export type {
  BackendChange,
  BackendStep,
  ContextBackend,
  ContextHealth,
  ContextRecord,
} from "./context/context-backend.ts";
export type { ContextLimits } from "./context/context-limits.ts";
export type { ContextReader } from "./context/context-store.ts";
export { memory } from "./context/memory.ts";
export type { ContextPlace } from "./context/record-keys.ts";
export type {
  ContextChange,
  ContextValue,
  SessionReader,
  SessionSummary,
} from "./context/session-context.ts";
export {
  createOptimizer,
  type IntentExplanation,
  type Optimizer,
  type OptimizerCache,
  type OptimizerIntents,
  type OptimizerOptions,
  type ServerState,
} from "./create-optimizer.ts";
export type { Outcome } from "./engine/cost-book.ts";
export type { Handle, Truncation } from "./engine/fit-value.ts";
export type { ExecutionMode, FlagStore, Flags } from "./engine/flags.ts";
export {
  type Complexity,
  defineIntent,
  type IntentDefinition,
  type IntentProgram,
  type IntentTool,
} from "./engine/intent.ts";
export type { IntentInfo, Intents } from "./engine/intent-registry.ts";
export type { CallerOptions, Explanation, IntentOptions } from "./engine/intent-router.ts";
export type { JsonRpcErrorData, JsonRpcId, JsonRpcResponse } from "./engine/json-rpc.ts";
export type { ModelOutput } from "./engine/model-output.ts";
export type { ModelTool, ModelToolSchema } from "./engine/model-tool.ts";
export type { DescribeOptions } from "./engine/offer.ts";
export type { OpenedValue } from "./engine/opened-value.ts";
export type { ProgramInput } from "./engine/program-input.ts";
export type { IntentRequest } from "./engine/request.ts";
export type { Decisions, ResumeRunOptions, SuspendedInfo } from "./engine/resumer.ts";
export type { Estimate, Estimates, Route, Way } from "./engine/route.ts";
export type { RunError, RunEvent, RunFacts, RunResult, RunUsage } from "./engine/run-result.ts";
export type { RunOptions } from "./engine/run-scope.ts";
export type { RunWatch, WatchedAnswer, WatchedCall, WatchedRun, WatchRuns } from "./engine/run-watch.ts";
export type { SaveOptions } from "./engine/skills.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./engine/standard-schema.ts";
export type { Budget, BudgetOptions, Budgets } from "./engine/token-budgets.ts";
export type { ServerOptions } from "./mcp/server-options.ts";
export type { FrozenRun } from "./protocol/frozen-run.ts";
export type {
  GuestCall,
  GuestError,
  GuestOperation,
  GuestPort,
  GuestReply,
  Language,
  LogEntry,
  LogLevel,
  NumberedReply,
  Program,
  ProgramError,
  RuntimeStopReason,
  SandboxNotice,
} from "./protocol/guest-protocol.ts";
export type { HostToolCall } from "./protocol/host-tool-call.ts";
export type { KeptGlobals } from "./protocol/kept-globals.ts";
export type { Position, PreparedProgram } from "./protocol/prepared-program.ts";
export { SandboxFrame, type SandboxFrameOptions } from "./sandbox/browser/frame.ts";
export type { FrameSandboxOptions } from "./sandbox/browser/frame-sandbox.ts";
export { type NativeOptions, native } from "./sandbox/browser/native.ts";
export { type PyodideOptions, pyodide } from "./sandbox/browser/pyodide.ts";
export type {
  LockedPackage,
  PyodideLock,
  PythonPackages,
  PythonWheel,
} from "./sandbox/browser/python-packages.ts";
export { type QuickJsOptions, quickjs } from "./sandbox/browser/quickjs.ts";
export { LIMITS, type LimitRule, type Limits } from "./sandbox/limits.ts";
export type {
  Enforcement,
  ResumeOptions,
  RunOutcome,
  Sandbox,
  SandboxRunOptions,
  SandboxSession,
  SandboxTraits,
  StopReason,
} from "./sandbox/sandbox.ts";
export type { RunLog, RunRecord, SessionTotals, ToolUse } from "./sessions/run-log.ts";
export type { ArchivedSession } from "./sessions/session-archive.ts";
export type { BoundPart, Imported } from "./sessions/session-import.ts";
export type { CreateSessionOptions } from "./sessions/session-record.ts";
export type { Session, Sessions } from "./sessions/sessions.ts";
export type { AuditTrail } from "./telemetry/audit/audit-trail.ts";
export type { IntentCount, TelemetryCounts } from "./telemetry/counts.ts";
export type { ExporterParts, TelemetryExporter } from "./telemetry/exporter.ts";
export type { TelemetryOptions } from "./telemetry/telemetry.ts";
export type { Phase, RequestStatus, ToolCallEnd } from "./telemetry/trace.ts";
export type { ApprovalRequest, Decision } from "./tools/approval.ts";
export type { BrokerEvent, ToolCallRecord } from "./tools/broker.ts";
export type { CacheOptions } from "./tools/cache-options.ts";
export type { SearchHit, SearchOptions } from "./tools/catalog.ts";
export type { Description } from "./tools/describe.ts";
export type { AskReason, Grant, GrantOptions, ToolLabels } from "./tools/grant.ts";
export type { PageTool } from "./tools/page-source.ts";
export type { GrantExplanation, PolicyOptions } from "./tools/policy.ts";
export type { CacheStats } from "./tools/result-cache.ts";
export type { JsonSchema, SourceFeatures, SourceStatus, ToolAnnotations } from "./tools/tool.ts";
