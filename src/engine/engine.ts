import type { TokenCounter } from "../base/tokens.ts";
import type { ToolDefinitionForModel } from "../capabilities/manifest.ts";
import type { ContextStore } from "../context/context-store.ts";
import { type Limits, resolveLimits } from "../sandbox/limits.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { isCreatedId, requireSessionName } from "../sessions/session-names.ts";
import { createSessionKeeper, type Sessions } from "../sessions/sessions.ts";
import type { AuditTrail } from "../telemetry/audit/audit-trail.ts";
import { createTelemetry, type Telemetry } from "../telemetry/telemetry.ts";
import type { TraceSink } from "../telemetry/trace.ts";
import type { ArgumentChecker } from "../tools/arguments.ts";
import { type CacheOptions, resolveCacheOptions } from "../tools/cache-options.ts";
import type { Catalog } from "../tools/catalog.ts";
import { ObservedShapes } from "../tools/observed-shapes.ts";
import { createPolicy, type Policy, type PolicyOptions } from "../tools/policy.ts";
import { ResultCache } from "../tools/result-cache.ts";
import { createSourceCaller } from "../tools/tool-answer.ts";
import { createCostBook } from "./cost-book.ts";
import { createFlags, type FlagStore, type Flags } from "./flags.ts";
import type { IntentDefinition } from "./intent.ts";
import { createIntentRegistry, type IntentRegistry } from "./intent-registry.ts";
import { createIntentRouter, type IntentOptions, type IntentRouter } from "./intent-router.ts";
import type { JsonRpcResponse } from "./json-rpc.ts";
import { createModelTool, type ModelTool } from "./model-tool.ts";
import { createOffer, type Offer } from "./offer.ts";
import type { OpenArea } from "./open-area.ts";
import { type OpenedValue, openValue } from "./opened-value.ts";
import { createPolicyMemory } from "./policy-memory.ts";
import { createProgramCarrier } from "./program-carrier.ts";
import { createProgramRunner, type ProgramRunner } from "./program-runner.ts";
import { executeRequest, type IntentRequest } from "./request.ts";
import { createResumer, type Resumer } from "./resumer.ts";
import { createRunLocks } from "./run-locks.ts";
import { createRunScopes, type RunScopes } from "./run-scope.ts";
import { createRunWatchers, type RunWatchers } from "./run-watch.ts";
import { createSessionGlobals } from "./session-globals.ts";
import { createShapeStore } from "./shape-store.ts";
import { createSkills, type Skills } from "./skills.ts";
import { createSuspensions } from "./suspension.ts";
import { tenantSandboxes } from "./tenant-sandboxes.ts";
import { type BudgetOptions, type Budgets, createTokenBudgets } from "./token-budgets.ts";

export interface EngineOptions {
  readonly catalog: Catalog;
  readonly sandboxes: readonly Sandbox[];
  readonly context: ContextStore;
  /** Whose sessions they are; `undefined`: nobody's in particular. */
  readonly tenant: string | undefined;
  readonly policy: PolicyOptions;
  readonly countTokens: TokenCounter;
  /** Loads what checks arguments, once, when the first call is made. */
  readonly loadChecker: () => Promise<ArgumentChecker>;
  readonly limits: Partial<Limits>;
  readonly flags: Partial<Flags>;
  readonly budgets: BudgetOptions;
  readonly cache: CacheOptions;
  readonly intents: readonly IntentDefinition[];
  /** Where the work is recorded beside the engine's own counts. */
  readonly sink?: TraceSink | undefined;
  /** Where runs, calls and decisions are audited. Left open for others. */
  readonly audit?: AuditTrail | undefined;
}

/** What is the same in a page and on a host. Disposing it cancels what runs, and keeps what was learned. */
export interface Engine extends AsyncDisposable {
  readonly flags: FlagStore;
  readonly registry: IntentRegistry;
  readonly skills: Skills;
  readonly policy: Policy;
  readonly cache: ResultCache;
  readonly telemetry: Telemetry;
  readonly offer: Offer;
  readonly scopes: RunScopes;
  readonly watchers: RunWatchers;
  readonly runner: ProgramRunner;
  readonly router: IntentRouter;
  readonly resumer: Resumer;
  /** The one tool, with this definition, that runs programs here. */
  modelTool(definition: ToolDefinitionForModel): ModelTool;
  /** Answers one request. Never rejects: every failure is an error response. */
  execute(request: IntentRequest, options?: IntentOptions): Promise<JsonRpcResponse>;
  /** Where the budgets stand that runs of a session count against. */
  budgets(session?: string): Promise<Budgets>;
  /** A value that stayed behind in a session. */
  openValue(handle: string, session?: string): Promise<OpenedValue>;
  readonly sessions: Sessions;
  /** Archives and deletes sessions whose time is over. */
  collect(): Promise<void>;
}

/** Puts the parts together. Throws 400 for options that make no sense. */
export function createEngine(options: EngineOptions): Engine {
  const { catalog, context, tenant, countTokens, limits } = options;
  const sandboxes = tenantSandboxes(options.sandboxes, tenant);
  const openArea: OpenArea = (session, area) =>
    context.open(
      {
        session,
        ...(tenant === undefined ? {} : { tenant }),
        ...(area === undefined ? {} : { area }),
      },
      { mustExist: isCreatedId(session) },
    );
  const keeper = createSessionKeeper({ store: context, tenant });
  const suspensions = createSuspensions(openArea);
  const policy = createPolicy(options.policy, catalog, createPolicyMemory(openArea));
  const flags = createFlags(options.flags);
  const telemetry = createTelemetry(() => flags.current.enableMetrics, options.sink);
  const budgets = createTokenBudgets({ openArea, budgets: options.budgets, now: Date.now });
  const costs = createCostBook();
  const shapes = new ObservedShapes({ store: createShapeStore(openArea) });
  const cache = new ResultCache({
    callTool: createSourceCaller(shapes.observe),
    options: resolveCacheOptions(options.cache),
    enabled: () => flags.current.enableCaching,
    onLookup: (hit) => telemetry.cacheLookup(hit),
  });
  let checker: Promise<ArgumentChecker> | undefined;
  const loadChecker = (): Promise<ArgumentChecker> => {
    checker ??= options.loadChecker();
    return checker;
  };
  const registry = createIntentRegistry(catalog, loadChecker, options.intents);
  const watchers = createRunWatchers();
  const scopes = createRunScopes({
    catalog,
    openArea,
    sessions: keeper,
    policy,
    suspensions,
    budgets,
    callTool: cache.callTool,
    findObserved: shapes.find,
    countTokens,
    limits,
    flags,
    loadChecker,
    tenant,
    audit: options.audit,
    watchers,
    onToolResult: (ref, bytes) => costs.seen(ref, bytes),
  });
  const locks = createRunLocks();
  const skills = createSkills(openArea, registry);
  const carrier = createProgramCarrier({ suspensions, locks, globals: createSessionGlobals(openArea) });
  const runner = createProgramRunner({
    sandboxes,
    scopes,
    carrier,
    flags,
    telemetry,
    onFinished: skills.remember,
  });
  const router = createIntentRouter({ registry, flags, costs, scopes, runner, countTokens, telemetry });
  return {
    telemetry,
    scopes,
    watchers,
    flags,
    registry,
    skills,
    policy,
    cache,
    offer: createOffer({
      catalog,
      registry,
      sandboxes,
      limits: resolveLimits(limits),
      flags,
      findObserved: shapes.find,
      countTokens,
    }),
    runner,
    router,
    modelTool: (definition) => createModelTool(definition, runner),
    execute: (request, intentOptions) => executeRequest(request, { runner, router }, intentOptions),
    resumer: createResumer({
      suspensions,
      scopes,
      sandboxes,
      carrier,
      flags,
      locks,
      telemetry,
      onFinished: skills.remember,
    }),
    sessions: keeper.sessions,
    collect: () => keeper.collect(),
    budgets: async (session) => budgets.read(requireSessionName(session)),
    openValue: (handle, session) => openValue(openArea, handle, session),
    async [Symbol.asyncDispose]() {
      await scopes[Symbol.asyncDispose]();
      await keeper[Symbol.asyncDispose]();
      skills[Symbol.dispose]();
      cache[Symbol.dispose]();
      await shapes[Symbol.asyncDispose]();
      await options.audit?.flush();
    },
  };
}
