import { messageOf, OptimizerError } from "./base/errors.ts";
import { detectPlatform, detectStorage, type EngineCapabilities } from "./capabilities/detect.ts";
import type { Capabilities, MiniManifest } from "./capabilities/manifest.ts";
import { indexedDb } from "./context/browser/indexed-db.ts";
import type { ContextBackend } from "./context/context-backend.ts";
import type { ContextReader } from "./context/context-store.ts";
import type { Engine } from "./engine/engine.ts";
import type { FlagStore, Flags } from "./engine/flags.ts";
import type { IntentDefinition } from "./engine/intent.ts";
import type { Intents } from "./engine/intent-registry.ts";
import type { CallerOptions, Explanation, IntentOptions } from "./engine/intent-router.ts";
import type { JsonRpcResponse } from "./engine/json-rpc.ts";
import type { ModelTool } from "./engine/model-tool.ts";
import type { DescribeOptions } from "./engine/offer.ts";
import type { OpenedValue } from "./engine/opened-value.ts";
import type { ProgramInput } from "./engine/program-input.ts";
import type { IntentRequest } from "./engine/request.ts";
import type { Decisions, ResumeRunOptions, SuspendedInfo } from "./engine/resumer.ts";
import type { RunResult } from "./engine/run-result.ts";
import type { RunOptions } from "./engine/run-scope.ts";
import type { WatchRuns } from "./engine/run-watch.ts";
import type { SaveOptions } from "./engine/skills.ts";
import type { BudgetOptions, Budgets } from "./engine/token-budgets.ts";
import { createServers, settleServers } from "./mcp/create-servers.ts";
import type { ServerOptions } from "./mcp/server-options.ts";
import type { Language } from "./protocol/guest-protocol.ts";
import { SandboxFrame } from "./sandbox/browser/frame.ts";
import { createFrameTokenizer } from "./sandbox/browser/frame-tokenizer.ts";
import { pyodide } from "./sandbox/browser/pyodide.ts";
import { quickjs } from "./sandbox/browser/quickjs.ts";
import type { Limits } from "./sandbox/limits.ts";
import type { Sandbox } from "./sandbox/sandbox.ts";
import type { Sessions } from "./sessions/sessions.ts";
import type { AuditTrail } from "./telemetry/audit/audit-trail.ts";
import type { TelemetryCounts } from "./telemetry/counts.ts";
import { openRecording } from "./telemetry/open-recording.ts";
import type { TelemetryOptions } from "./telemetry/telemetry.ts";
import { requireTool } from "./tools/broker.ts";
import type { CacheOptions } from "./tools/cache-options.ts";
import type { SearchHit, SearchOptions } from "./tools/catalog.ts";
import type { Description } from "./tools/describe.ts";
import { createPageSource, type PageTool } from "./tools/page-source.ts";
import type { GrantExplanation, PolicyOptions } from "./tools/policy.ts";
import type { CacheStats } from "./tools/result-cache.ts";
import type { SourceStatus } from "./tools/tool.ts";
import { VERSION } from "./version.ts";

/** How to build an engine. One of `servers` and `tools` must name something. */
export interface OptimizerOptions {
  /** MCP servers by name: an address, or an address with its options. */
  readonly servers?: Readonly<Record<string, string | ServerOptions>>;
  /** Tools of the page itself; programs find them as `tools.page.<name>`. */
  readonly tools?: Readonly<Record<string, PageTool>>;
  /** Where programs run, the preferred first. Default: `[quickjs({ frame }), pyodide({ frame })]`. */
  readonly sandboxes?: readonly Sandbox[];
  /** The isolated frame for sandboxes, and for what is counted and checked beside the page's thread. Default: a generated one; see README for pages with a strict policy. */
  readonly frame?: SandboxFrame;
  /** Where sessions keep their context: a place of yours is left open for others. Default: `indexedDb()`. */
  readonly context?: ContextBackend;
  /** Whose sessions these are, where several people or applications share one place. Default: nobody's in particular. */
  readonly tenant?: string;
  /** Named operations beside the tools; more can be defined later. */
  readonly intents?: readonly IntentDefinition[];
  /** Which tools programs may call, and who is asked. */
  readonly policy?: PolicyOptions;
  readonly limits?: Partial<Limits>;
  /** Which results of tools are given again, and for how long. */
  readonly cache?: CacheOptions;
  readonly flags?: Partial<Flags>;
  /** How much may go back to models, of one session and of all. Default: without limit. */
  readonly budgets?: BudgetOptions;
  /** How long to wait for servers before the first manifest is made. Milliseconds, default 5,000. */
  readonly connectWaitMs?: number;
  /** Where metrics and spans go. Default: nowhere, and nothing of OpenTelemetry is loaded; `optimizer.telemetry` counts all the same. */
  readonly telemetry?: TelemetryOptions;
  /** Where runs, calls and decisions are audited: `audit(indexedDb({ name: "audit" }))`. Left open for others. Default: nowhere. */
  readonly audit?: AuditTrail;
}

/** Where one server stands. */
export interface ServerState {
  readonly name: string;
  /** Its identifier in programs. */
  readonly namespace: string;
  readonly status: SourceStatus;
  readonly tools: number;
}

/** The results of tools that are kept to be given again. */
export interface OptimizerCache {
  readonly stats: CacheStats;
  /**
   * Forgets the results of one server, by its name in `servers`, or of all. To be called when the page's
   * user changes in a way that neither `headers` nor `auth` show, such as by a cookie.
   */
  clear(server?: string): void;
}

/** Intents, and programs that became some. */
export interface OptimizerIntents extends Intents {
  /**
   * Saves the program of a run that returned as an intent, for every later page of this origin. It finds its
   * parameters as `params` and may call the tools that it called, and no others.
   * Rejects with 400: `unknown_run`, `invalid_intent`, `intent_exists`.
   */
  save(runId: string, options: SaveOptions): Promise<void>;
  /** Deletes a saved one. Resolves with whether there was one. */
  unsave(name: string): Promise<boolean>;
}

/** Why an intent would go the way that it would. Tokens. */
export interface IntentExplanation extends Explanation {
  readonly alike: Explanation["alike"] & {
    /** The manifest, by which a caller knows of intents: once for all of them. */
    readonly manifest: number;
  };
}

/** The engine: one tool and one small manifest in place of every tool of every server. */
export interface Optimizer extends AsyncDisposable {
  /** The one tool for the model, as it is now: read it anew for each request. */
  readonly tool: ModelTool;
  /** What this engine offers, at most 187 tokens. */
  manifest(): MiniManifest;
  /** What this engine can do here and now, for people: sandboxes, platform, storage, servers. */
  capabilities(): Promise<EngineCapabilities>;
  /** Runs a program. Rejects with an `OptimizerError` only for bad input, for a token budget that is used up, or when no sandbox can be set up. */
  run(program: ProgramInput, options?: RunOptions): Promise<RunResult>;
  /** Has a language ready ahead of its first run: of the sandboxes only the first is, from the start. */
  prepare(language: Language): Promise<void>;
  /** Answers a request by intent as JSON-RPC 2.0. Never rejects. */
  execute(request: IntentRequest, options?: IntentOptions): Promise<JsonRpcResponse>;
  /** Goes on with a run that was suspended, with what was decided about its calls; in another tab, or after a reload, too. */
  resume(token: string, decisions: Decisions, options?: ResumeRunOptions): Promise<RunResult>;
  /** The runs of a session that wait for decisions. Default: those of the session `default`. */
  suspended(session?: string): Promise<readonly SuspendedInfo[]>;
  /** The grant of a tool, and why it has it. Throws 400 `unknown_tool`. */
  grantOf(ref: string): GrantExplanation;
  /** What `execute` takes, beside `run_code`. */
  readonly intents: OptimizerIntents;
  /** Why an intent would go the way that it would, with figures. Rejects with 400 for an unknown one. */
  explain(intent: string, options?: CallerOptions): Promise<IntentExplanation>;
  /** Switches, which may be changed while requests run. */
  readonly flags: FlagStore;
  /** Ranks tools for words or a sentence; intents that fit stand first. */
  search(query: string, options?: SearchOptions): readonly SearchHit[];
  /** Signatures of tools by ref, within a budget. Rejects with 400 `unknown_tool`. */
  describe(refs: readonly string[], options?: DescribeOptions): Promise<Description>;
  /** Where the token budgets stand that runs of a session count against. Default: those of the session `default`. */
  budgets(session?: string): Promise<Budgets>;
  /** Opens a handle that a result has in place of a value, such as an image to show. Default session: `default`. Rejects with 400 `unknown_handle`. */
  open(handle: string, options?: Pick<RunOptions, "session">): Promise<OpenedValue>;
  /** What sessions keep, and how safely. */
  readonly context: ContextReader;
  /** Sessions that are created, used, and end: each with a time to live and a log of its runs. */
  readonly sessions: Sessions;
  readonly cache: OptimizerCache;
  /** What the engine did so far, by its own counts. */
  readonly telemetry: TelemetryCounts;
  /** Every server and where it stands. */
  readonly servers: readonly ServerState[];
  /**
   * Called after servers, their tools, intents, flags or the health of the storage changed, when manifest and
   * tool are made anew. Returns the way to stop listening.
   */
  onChange(listener: () => void): () => void;
  /**
   * For tools of people, such as `mcp-optimizer/devtools`: hears of every run with its program, arguments and answers.
   * Costs nothing while nobody watches. Returns the way to stop.
   */
  watchRuns(watch: WatchRuns): () => void;
}

/**
 * Builds an engine for this page.
 *
 * Resolves when every server has connected or failed, or after `connectWaitMs`; servers that come
 * later join by themselves. Rejects with 400 for options that make no sense, and with 500
 * `sandbox_unavailable` when the page cannot isolate programs: then nothing ever runs.
 */
export async function createOptimizer(options: OptimizerOptions): Promise<Optimizer> {
  const pageSource = options.tools === undefined ? [] : [createPageSource(options.tools)];
  if (Object.keys(options.servers ?? {}).length + pageSource.length === 0) {
    throw new OptimizerError("There are no tools: give `servers` or `tools`.", {
      code: 400,
      kind: "invalid_options",
    });
  }
  const frame = options.frame ?? new SandboxFrame();
  const sandboxes = options.sandboxes ?? [quickjs({ frame }), pyodide({ frame })];
  const countTokens = createFrameTokenizer(frame);
  const closeSandboxes = async (): Promise<void> => {
    const owned = [
      ...(options.sandboxes === undefined ? sandboxes : []),
      ...(options.frame === undefined ? [frame] : []),
    ];
    await Promise.allSettled(owned.map((one) => one[Symbol.asyncDispose]()));
  };
  const giveUp = async (error: unknown): Promise<never> => {
    await closeSandboxes();
    throw error;
  };
  // The sandbox starts while the engine loads.
  const starting = Promise.all([sandboxes[0]?.prepare(), countTokens([""])]);
  starting.catch(() => undefined);
  // Apart from the entry, which pages load whole before they show anything.
  const [{ createEngine }, { createCatalog }, { createContextStore }, { startCollector }, servers] =
    await Promise.all([
      import("./engine/engine.ts"),
      import("./tools/catalog.ts"),
      import("./context/context-store.ts"),
      import("./sessions/collector.ts"),
      createServers(options.servers ?? {}),
    ]).catch(giveUp);
  const recording = await openRecording(options.telemetry, servers).catch(giveUp);
  const catalog = createCatalog([...pageSource, ...servers]);
  const backend = options.context ?? indexedDb();
  const context = createContextStore(backend);
  const closeParts = async (): Promise<void> => {
    catalog[Symbol.dispose]();
    await context[Symbol.asyncDispose]();
    const owned = [...servers, ...pageSource, ...(options.context === undefined ? [backend] : [])];
    await Promise.allSettled([...owned.map((one) => one[Symbol.asyncDispose]()), closeSandboxes()]);
    await recording?.[Symbol.asyncDispose]();
  };
  const createParts = async (): Promise<Engine> => {
    try {
      return createEngine({
        catalog,
        sandboxes,
        context,
        tenant: options.tenant,
        policy: options.policy ?? {},
        countTokens,
        loadChecker: async () => {
          const { createFrameChecker } = await import("./sandbox/browser/frame-checker.ts");
          return createFrameChecker(frame);
        },
        limits: options.limits ?? {},
        flags: options.flags ?? {},
        budgets: options.budgets ?? {},
        cache: options.cache ?? {},
        intents: options.intents ?? [],
        sink: recording?.sink,
        audit: options.audit,
      });
    } catch (error) {
      await closeParts();
      throw error;
    }
  };
  const engine = await createParts();
  const collector = startCollector({ collect: () => engine.collect(), backend });
  const { flags, registry, offer, runner, router } = engine;
  const listeners = new Set<() => void>();
  let disposed = false;

  const dispose = async (): Promise<void> => {
    if (disposed) return;
    disposed = true;
    listeners.clear();
    await collector[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    await closeParts();
  };

  let capabilities: Capabilities;
  /** Grows with everything that the manifest tells of. */
  let version = 0;
  let described = 0;
  let refreshing = true;
  const refresh = async (): Promise<void> => {
    refreshing = true;
    while (!disposed && described !== version) {
      described = version;
      try {
        capabilities = await offer.capabilities();
      } catch (error) {
        // The last good description stays; the next change tries again.
        console.warn(`mcp-optimizer: the manifest could not be renewed: ${messageOf(error)}`);
      }
    }
    refreshing = false;
    for (const listener of [...listeners]) listener();
  };
  const changed = (): void => {
    version += 1;
    if (!refreshing) void refresh();
  };
  catalog.onChange(changed);
  registry.onChange(changed);
  flags.onChange(changed);
  context.onHealthChange(changed);

  try {
    const connecting = settleServers(servers, options.connectWaitMs ?? 5_000);
    await Promise.all([connecting, starting, engine.skills.loaded]);
    described = version;
    capabilities = await offer.capabilities();
  } catch (error) {
    await dispose();
    throw error;
  }
  refreshing = false;
  if (described !== version) void refresh();

  return {
    get tool() {
      return engine.modelTool(capabilities.tool);
    },
    manifest: () => capabilities.manifest,
    capabilities: async () => ({
      version: VERSION,
      languages: runner.languages,
      sandboxes: sandboxes.map(({ traits }) => traits),
      platform: detectPlatform(),
      storage: { backend: backend.name, health: context.health, ...(await detectStorage()) },
      servers: catalog.namespaces
        .filter(({ source }) => !pageSource.includes(source))
        .map(({ source, tools }) => ({
          name: source.id,
          status: source.status,
          tools: tools.length,
          ...(source.features === undefined ? {} : { features: source.features }),
        })),
    }),
    prepare: (language) => runner.prepare(language),
    run: (program, runOptions) => runner.run(program, runOptions),
    execute: (request, intentOptions) => engine.execute(request, intentOptions),
    resume: (token, decisions, resumeOptions) => engine.resumer.resume(token, decisions, resumeOptions),
    suspended: (session = "default") => engine.resumer.list(session),
    budgets: (session) => engine.budgets(session),
    open: (handle, { session } = {}) => engine.openValue(handle, session),
    grantOf: (ref) => engine.policy.explain(requireTool(catalog, ref)),
    intents: {
      ...registry.intents,
      save: (runId, saveOptions) => engine.skills.save(runId, saveOptions),
      unsave: (name) => engine.skills.remove(name),
    },
    async explain(intent, caller) {
      const { alike, ...explanation } = await router.explain(intent, caller);
      const [manifest = 0] = await countTokens([JSON.stringify(capabilities.manifest)]);
      return { ...explanation, alike: { ...alike, manifest } };
    },
    flags,
    search: (query, searchOptions) => offer.search(query, searchOptions),
    describe: (refs, describeOptions) => offer.describe(refs, describeOptions),
    cache: {
      get stats() {
        return engine.cache.stats;
      },
      clear: (server) => engine.cache.clear(server),
    },
    get telemetry() {
      return engine.telemetry.counts;
    },
    context,
    sessions: engine.sessions,
    get servers() {
      return catalog.namespaces
        .filter(({ source }) => !pageSource.includes(source))
        .map(({ namespace, source, tools }) => ({
          name: source.id,
          namespace,
          status: source.status,
          tools: tools.length,
        }));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    watchRuns: (watch) => engine.watchers.add(watch),
    [Symbol.asyncDispose]: dispose,
  };
}
