import type { JsonObject } from "../base/json.ts";
import type { TokenCounter } from "../base/tokens.ts";
import { type ClassicDefinition, definitionText } from "../capabilities/manifest.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import type { CatalogTool } from "../tools/catalog.ts";
import type { CostBook, Outcome } from "./cost-book.ts";
import type { FlagStore } from "./flags.ts";
import type { IntentRegistry, ResolvedIntent } from "./intent-registry.ts";
import type { ProgramRunner } from "./program-runner.ts";
import { chooseRoute, type Estimates, type Route, type Way } from "./route.ts";
import type { RunResult } from "./run-result.ts";
import type { RunOptions, RunScopes } from "./run-scope.ts";
import { runTool } from "./tool-runner.ts";
import { traced } from "./traced.ts";

export interface IntentRouterOptions {
  readonly registry: IntentRegistry;
  readonly flags: FlagStore;
  readonly costs: CostBook;
  readonly scopes: RunScopes;
  readonly runner: ProgramRunner;
  readonly countTokens: TokenCounter;
  readonly telemetry: Pick<Telemetry, "begin">;
}

/** How to carry out one request by intent. */
export interface IntentOptions extends RunOptions, CallerOptions {}

/** What is known of who asks. */
export interface CallerOptions {
  /** Refs of tools whose definitions the caller's model holds anyway: they cost it nothing more. Default: none. */
  readonly holds?: readonly string[];
}

/** Why a request would go the way that it would, with all figures. Tokens. */
export interface Explanation {
  readonly intent: string;
  readonly route: Route;
  /** What each way is expected to cost; absent where nothing is known or there is no such way. */
  readonly estimates: Partial<Estimates>;
  /** What costs the same by either way, and so decides nothing. */
  readonly alike: {
    /** The intent's name, description and parameters; 0 for a tool that the caller holds. */
    readonly intent: number;
    /** Descriptions of the tools that a program calls: 0, because an intent's program is written already. */
    readonly describe: 0;
  };
  /** What the last requests were expected to cost, and did. */
  readonly outcomes: Readonly<Record<Way, readonly Outcome[]>>;
}

/** Carries intents out, by their tool or by a program. */
export interface IntentRouter {
  /** Rejects with 400 for bad input; every other end is a result, which says its route. */
  execute(name: string, params: JsonObject, options?: IntentOptions): Promise<RunResult>;
  /** Rejects with 400 for an unknown intent, and when the flags leave no way. */
  explain(name: string, options?: CallerOptions): Promise<Explanation>;
}

export function createIntentRouter(options: IntentRouterOptions): IntentRouter {
  const { registry, flags, costs, scopes, runner, countTokens, telemetry } = options;
  const counted = new WeakMap<object, Promise<number>>();

  /** Each definition is counted once. */
  const tokensOf = (definition: ClassicDefinition): Promise<number> => {
    const known = counted.get(definition);
    const counting = known ?? countTokens([definitionText(definition)]).then(([tokens = 0]) => tokens);
    counted.set(definition, counting);
    // The counter may be back for the next request.
    if (known === undefined) counting.catch(() => counted.delete(definition));
    return counting;
  };

  /** What the caller pays to know the tool, where it has to for this way alone. */
  const definitionOf = async (
    { tool, needsDefinition }: ResolvedIntent,
    { holds = [] }: CallerOptions,
  ): Promise<number> =>
    tool === undefined || !needsDefinition || holds.includes(tool.ref) ? 0 : tokensOf(tool.definition);

  const routeOf = async (
    intent: ResolvedIntent,
    caller: CallerOptions,
  ): Promise<{ readonly route: Route; readonly estimates: Estimates }> => {
    const { info } = intent;
    const estimates = costs.estimates(info.name, info.tool, await definitionOf(intent, caller));
    return { route: chooseRoute(info, flags.current, estimates), estimates };
  };

  /** One way, and what it cost is remembered. */
  const go = async (
    intent: ResolvedIntent,
    way: Way,
    params: JsonObject,
    intentOptions: IntentOptions,
    trace: RequestTrace | undefined,
  ): Promise<RunResult> => {
    const { name, tool = "" } = intent.info;
    const { holds: _, ...runOptions } = intentOptions;
    const definition = await definitionOf(intent, intentOptions);
    const estimated = costs.estimates(name, tool, definition)[way];
    const result =
      way === "mcp"
        ? await runTool(scopes, tool, intent.argsFor(params), runOptions, trace)
        : await runner.runWithin(trace, intent.programFor(params), {
            ...runOptions,
            ...(intent.tools === undefined ? {} : { tools: intent.tools }),
          });
    if (result.status === "returned") {
      const brought = result.truncated?.fullTokens ?? result.usage.tokens;
      const actual = brought + (way === "mcp" ? definition : 0);
      const known = estimated === undefined ? {} : { estimated: estimated.tokens };
      costs.record(name, way, brought, { actual, ...known });
    }
    return result;
  };

  const executeWithin = async (
    trace: RequestTrace | undefined,
    name: string,
    given: JsonObject,
    intentOptions: IntentOptions,
  ): Promise<RunResult> => {
    trace?.phase("route");
    const intent = registry.require(name);
    trace?.intent(intent.info.name);
    const params = await intent.read(given);
    const { route } = await routeOf(intent, intentOptions);
    const result = await go(intent, route.way, params, intentOptions, trace);
    if (route.way === "code" || !hasFailed(result)) return { ...result, route };
    const failure = failureOf(result);
    if (
      flags.current.executionMode !== "hybrid" ||
      !flags.current.enableSandbox ||
      intentOptions.signal?.aborted
    )
      return { ...markExecuted(result), route };
    if (!canHelp(intent, failure)) return { ...markExecuted(result), route };
    if (mayHaveExecuted(result) && !isSafeToRepeat(intent.tool)) {
      return { ...markExecuted(result), route };
    }
    const why = mayHaveExecuted(result)
      ? "The tool failed, and calling it again changes nothing."
      : "The tool was not carried out.";
    const second = await go(intent, "code", params, intentOptions, trace);
    return { ...second, route: { way: "code", why, after: { way: "mcp", ...failure } } };
  };

  return {
    execute: (name, params, intentOptions = {}) =>
      traced(telemetry, (trace) => executeWithin(trace, name, params, intentOptions)),

    async explain(name, caller = {}) {
      const intent = registry.require(name);
      const { info, tool } = intent;
      const { route, estimates } = await routeOf(intent, caller);
      const known = Object.entries(estimates).filter(([, estimate]) => estimate !== undefined);
      const own = info.kind === "tool" ? tool?.definition : undefined;
      const held = own !== undefined && caller.holds?.includes(info.name) === true;
      return {
        intent: info.name,
        route,
        estimates: Object.fromEntries(known),
        alike: {
          intent: held ? 0 : await tokensOf(own ?? { ...info, inputSchema: info.params }),
          describe: 0,
        },
        outcomes: { mcp: costs.outcomes(info.name, "mcp"), code: costs.outcomes(info.name, "code") },
      };
    },
  };
}

/** Whether the other way may still be tried: whoever cancelled does not want it. */
function hasFailed(result: RunResult): boolean {
  return result.status === "threw" || (result.status === "stopped" && result.reason === "timeout");
}

function failureOf(result: RunResult): { readonly kind: string; readonly message: string } {
  if (result.status === "threw") return { kind: result.error.kind, message: result.error.message };
  if (result.status === "stopped") return { kind: result.reason, message: result.message };
  return { kind: "none", message: "" };
}

/** Failures that a program which calls the same tool with the same arguments only repeats. */
const REPEATING = new Set(["invalid_arguments", "unknown_tool", "result_too_large"]);

function canHelp({ info }: ResolvedIntent, { kind }: { readonly kind: string }): boolean {
  return info.program || !REPEATING.has(kind);
}

function mayHaveExecuted(result: RunResult): boolean {
  return result.toolCalls.some(({ error }) => error?.mayHaveExecuted === true);
}

/** What the server says of its tool: if it lies, it is the server that is called twice. */
function isSafeToRepeat(tool: CatalogTool | undefined): boolean {
  const { readOnlyHint, idempotentHint } = tool?.definition.annotations ?? {};
  return readOnlyHint === true || idempotentHint === true;
}

/** A failure after which nobody knows whether the tool did its work says so. */
function markExecuted(result: RunResult): RunResult {
  if (result.status !== "threw" || !mayHaveExecuted(result)) return result;
  const { hint = "" } = result.error;
  const warning = "The tool may have done its work: look before you call it again.";
  return {
    ...result,
    error: { ...result.error, mayHaveExecuted: true, hint: hint === "" ? warning : `${hint} ${warning}` },
  };
}
