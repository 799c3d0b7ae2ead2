import { messageOf, OptimizerError } from "./base/errors.ts";
import {
  type Capabilities,
  describeCapabilities,
  type MiniManifest,
  TOOL_NAME,
  type ToolDefinitionForModel,
} from "./capabilities/manifest.ts";
import { memory } from "./context/session-context.ts";
import { type Flags, resolveFlags } from "./engine/flags.ts";
import type { JsonRpcResponse } from "./engine/json-rpc.ts";
import { type ModelOutput, toModelFailure, toModelOutput } from "./engine/model-output.ts";
import { createProgramRunner, type ProgramInput, type RunOptions } from "./engine/program-runner.ts";
import { executeRequest, type IntentRequest, readProgram } from "./engine/request.ts";
import type { RunResult } from "./engine/run-result.ts";
import type { ServerOptions } from "./mcp/server-options.ts";
import type { ServerSource } from "./mcp/server-source.ts";
import type { Language } from "./protocol/guest-protocol.ts";
import { SandboxFrame } from "./sandbox/browser/frame.ts";
import { createFrameTokenizer } from "./sandbox/browser/frame-tokenizer.ts";
import { pyodide } from "./sandbox/browser/pyodide.ts";
import { quickjs } from "./sandbox/browser/quickjs.ts";
import { type Limits, resolveLimits } from "./sandbox/limits.ts";
import type { Sandbox } from "./sandbox/sandbox.ts";
import { requireTool } from "./tools/broker.ts";
import { createCatalog, type SearchHit, type SearchOptions } from "./tools/catalog.ts";
import type { Description } from "./tools/describe.ts";
import { createPageSource, type PageTool } from "./tools/page-source.ts";
import type { SourceStatus } from "./tools/tool.ts";

/** How to build an engine. One of `servers` and `tools` must name something. */
export interface OptimizerOptions {
  /** MCP servers by name: an address, or an address with its options. */
  readonly servers?: Readonly<Record<string, string | ServerOptions>>;
  /** Tools of the page itself; programs find them as `tools.page.<name>`. */
  readonly tools?: Readonly<Record<string, PageTool>>;
  /** Where programs run, the preferred first. Default: `[quickjs({ frame }), pyodide({ frame })]`. */
  readonly sandboxes?: readonly Sandbox[];
  /** The isolated frame for sandboxes and the tokenizer. Default: a generated one; see README for pages with a strict policy. */
  readonly frame?: SandboxFrame;
  readonly limits?: Partial<Limits>;
  readonly flags?: Partial<Flags>;
  /** How long to wait for servers before the first manifest is made. Milliseconds, default 5,000. */
  readonly connectWaitMs?: number;
}

/** Where one server stands. */
export interface ServerState {
  readonly name: string;
  /** Its identifier in programs. */
  readonly namespace: string;
  readonly status: SourceStatus;
  readonly tools: number;
}

/** The one tool in the form that agents hand to a model. */
export interface ModelTool extends ToolDefinitionForModel {
  /** The schema under the name that MCP and most frameworks use. */
  readonly inputSchema: ToolDefinitionForModel["input_schema"];
  /** Runs what the model wrote. Never rejects: a failure is an output that a model can act on. */
  execute(input: unknown, options?: RunOptions): Promise<ModelOutput>;
  /** The definition as it is sent to a model, at most 187 tokens. */
  toJSON(): ToolDefinitionForModel;
}

/** The engine: one tool and one small manifest in place of every tool of every server. */
export interface Optimizer extends AsyncDisposable {
  /** The one tool for the model, as it is now: read it anew for each request. */
  readonly tool: ModelTool;
  /** What this engine offers, at most 187 tokens. */
  manifest(): MiniManifest;
  /** Runs a program. Rejects with an `OptimizerError` only for bad input or when no sandbox can be set up. */
  run(program: ProgramInput, options?: RunOptions): Promise<RunResult>;
  /** Has a language ready ahead of its first run: of the sandboxes only the first is, from the start. */
  prepare(language: Language): Promise<void>;
  /** Answers a request by intent as JSON-RPC 2.0. Never rejects. */
  execute(request: IntentRequest, options?: RunOptions): Promise<JsonRpcResponse>;
  /** Ranks tools for words or a sentence. */
  search(query: string, options?: SearchOptions): readonly SearchHit[];
  /** Signatures of tools by ref, within a budget. Rejects with 400 `unknown_tool`. */
  describe(
    refs: readonly string[],
    options?: { readonly language?: "typescript" | "python"; readonly maxTokens?: number },
  ): Promise<Description>;
  /** Every server and where it stands. */
  readonly servers: readonly ServerState[];
  /** Called after servers or their tools changed, when manifest and tool are made anew. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

/**
 * Builds an engine for this page.
 *
 * Resolves when every server has connected or failed, or after `connectWaitMs`; servers that come
 * later join by themselves. Rejects with 400 for options that make no sense, and with 500
 * `sandbox_unavailable` when the page cannot isolate programs: then nothing ever runs.
 */
export async function createOptimizer(options: OptimizerOptions): Promise<Optimizer> {
  const limits = resolveLimits(options.limits);
  const { maxTokensPerRequest } = resolveFlags(options.flags);
  const pageSource = options.tools === undefined ? [] : [createPageSource(options.tools)];
  if (Object.keys(options.servers ?? {}).length + pageSource.length === 0) {
    throw new OptimizerError("There are no tools: give `servers` or `tools`.", {
      code: 400,
      kind: "invalid_options",
    });
  }
  const servers = await createServers(options.servers ?? {});
  const frame = options.frame ?? new SandboxFrame();
  const sandboxes = options.sandboxes ?? [quickjs({ frame }), pyodide({ frame })];
  const countTokens = createFrameTokenizer(frame);
  const catalog = createCatalog([...pageSource, ...servers]);
  const runner = createProgramRunner({
    catalog,
    sandboxes,
    context: memory(),
    countTokens,
    limits: options.limits ?? {},
    maxTokensPerRequest,
  });
  const listeners = new Set<() => void>();
  let disposed = false;

  const dispose = async (): Promise<void> => {
    if (disposed) return;
    disposed = true;
    listeners.clear();
    catalog[Symbol.dispose]();
    await runner[Symbol.asyncDispose]();
    const owned = [...servers, ...pageSource, ...(options.sandboxes === undefined ? sandboxes : [])];
    await Promise.allSettled(
      [...owned, ...(options.frame === undefined ? [frame] : [])].map((one) => one[Symbol.asyncDispose]()),
    );
  };

  const describeNow = (): Promise<Capabilities> =>
    describeCapabilities({
      catalog,
      intents: [TOOL_NAME, "<server>.<tool>"],
      backends: sandboxes.map(({ traits }) => traits.name),
      languages: runner.languages,
      limits,
      maxTokensPerRequest,
      countTokens,
    });

  let capabilities: Capabilities;
  let described: number;
  try {
    const wait = AbortSignal.timeout(options.connectWaitMs ?? 5_000);
    const connecting = servers.map((server) => server.connect(wait).catch(() => undefined));
    await Promise.all([...connecting, sandboxes[0]?.prepare(), countTokens([""])]);
    described = catalog.version;
    capabilities = await describeNow();
  } catch (error) {
    await dispose();
    throw error;
  }

  let refreshing = false;
  const refresh = async (): Promise<void> => {
    refreshing = true;
    while (!disposed && described !== catalog.version) {
      described = catalog.version;
      try {
        capabilities = await describeNow();
      } catch (error) {
        // The last good description stays; the next change tries again.
        console.warn(`mcp-optimizer: the manifest could not be renewed: ${messageOf(error)}`);
      }
    }
    refreshing = false;
    for (const listener of [...listeners]) listener();
  };
  catalog.onChange(() => {
    if (!refreshing) void refresh();
  });
  if (described !== catalog.version) void refresh();

  return {
    get tool() {
      return {
        ...capabilities.tool,
        inputSchema: capabilities.tool.input_schema,
        toJSON: () => capabilities.tool,
        execute: async (input: unknown, runOptions?: RunOptions) => {
          try {
            return toModelOutput(await runner.run(readProgram(input), runOptions));
          } catch (error) {
            return toModelFailure(error);
          }
        },
      };
    },
    manifest: () => capabilities.manifest,
    prepare: (language) => runner.prepare(language),
    run: (program, runOptions) => runner.run(program, runOptions),
    execute: (request, runOptions) => executeRequest(request, runner, catalog, runOptions),
    search: (query, searchOptions) => catalog.search(query, searchOptions),
    async describe(refs, { language = "typescript", maxTokens = maxTokensPerRequest } = {}) {
      const tools = refs.map((ref) => requireTool(catalog, ref));
      const { describeTools } = await import("./tools/describe.ts");
      return describeTools(tools, { language, maxTokens, countTokens });
    },
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
    [Symbol.asyncDispose]: dispose,
  };
}

/** A page that has only tools of its own loads nothing of MCP. */
async function createServers(servers: NonNullable<OptimizerOptions["servers"]>): Promise<ServerSource[]> {
  const entries = Object.entries(servers);
  if (entries.length === 0) return [];
  const { createServerSource } = await import("./mcp/server-source.ts");
  return entries.map(([name, server]) => createServerSource(name, server));
}
