import "./base/dispose-symbols.ts";

export { type ErrorCode, findOptimizerError, OptimizerError } from "./base/errors.ts";
export type { Json, JsonObject } from "./base/json.ts";
export type { MiniManifest, ToolDefinitionForModel } from "./capabilities/manifest.ts";
export {
  createOptimizer,
  type ModelTool,
  type Optimizer,
  type OptimizerOptions,
  type ServerState,
} from "./create-optimizer.ts";
export type { Truncation } from "./engine/fit-value.ts";
export type { Flags } from "./engine/flags.ts";
export type { JsonRpcErrorData, JsonRpcId, JsonRpcResponse } from "./engine/json-rpc.ts";
export type { ModelOutput } from "./engine/model-output.ts";
export type { ProgramInput, RunOptions } from "./engine/program-runner.ts";
export type { IntentRequest } from "./engine/request.ts";
export type { RunError, RunEvent, RunFacts, RunResult, RunUsage } from "./engine/run-result.ts";
export type { ServerOptions } from "./mcp/server-options.ts";
export type { Language, LogEntry, SandboxNotice } from "./protocol/guest-protocol.ts";
export { SandboxFrame, type SandboxFrameOptions } from "./sandbox/browser/frame.ts";
export { type NativeOptions, native } from "./sandbox/browser/native.ts";
export { type PyodideOptions, pyodide } from "./sandbox/browser/pyodide.ts";
export type { PyodideLock, PythonPackages, PythonWheel } from "./sandbox/browser/python-packages.ts";
export { type QuickJsOptions, quickjs } from "./sandbox/browser/quickjs.ts";
export { LIMITS, type Limits } from "./sandbox/limits.ts";
export type { Sandbox, SandboxTraits } from "./sandbox/sandbox.ts";
export type { ToolCallRecord } from "./tools/broker.ts";
export type { SearchHit, SearchOptions } from "./tools/catalog.ts";
export type { Description } from "./tools/describe.ts";
export type { PageTool } from "./tools/page-source.ts";
export type { SourceStatus } from "./tools/tool.ts";
