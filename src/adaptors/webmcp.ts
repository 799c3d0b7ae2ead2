// What crosses here: tools that other scripts of the page, or its frames, have registered, and calls of whoever may
// call tools of the page. Both may lie: what comes in is read as outside data, and the broker checks arguments.

import { messageOf, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { Optimizer } from "../create-optimizer.ts";
import type { PageTool } from "../tools/page-source.ts";
import { type AdaptorOptions, runTool, type ToolEngine } from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/** `document.modelContext`, as browsers and polyfills have it: https://webmachinelearning.github.io/webmcp/ */
export interface ModelContext extends EventTarget {
  registerTool(
    tool: {
      readonly name: string;
      readonly description: string;
      readonly inputSchema: object;
      readonly execute: (input: unknown) => Promise<unknown>;
    },
    options: { readonly signal: AbortSignal },
  ): unknown;
  getTools?(): Promise<readonly WebMcpTool[]>;
  executeTool?(tool: WebMcpTool, input: unknown, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

/** A tool as `getTools` lists it. Outside data. */
export interface WebMcpTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: unknown;
}

/**
 * Registers the one tool with the page's model context, for the browser's agent. Disposing the result takes it back.
 * The tool is described anew when the engine's tools change.
 *
 * WebMCP has no way to ask somebody: a call that needs a word goes to `policy.onApproval`, or the output is `suspended`, and
 * `optimizer.resume` of the page goes on. Rejects with 400 `no_model_context` where the page has none.
 */
export async function registerWebMcp(
  engine: Pick<ToolEngine, "tool"> & Pick<Optimizer, "onChange">,
  options: AdaptorOptions & { readonly modelContext?: ModelContext } = {},
): Promise<Disposable> {
  const { modelContext = requireModelContext(), ...runOptions } = options;
  const ending = new AbortController();
  let registered = new AbortController();
  let described = "";
  const register = async (): Promise<void> => {
    const { name, description, inputSchema } = engine.tool;
    if (described === description || ending.signal.aborted) return;
    described = description;
    registered.abort();
    registered = new AbortController();
    const execute = (input: unknown): Promise<unknown> =>
      runTool(engine, input, runOptions, ending.signal).then((output) => JSON.parse(JSON.stringify(output)));
    await modelContext.registerTool(
      { name, description, inputSchema, execute },
      { signal: registered.signal },
    );
  };
  await register();
  const unlisten = engine.onChange(() => {
    register().catch((error: unknown) => {
      if (!ending.signal.aborted)
        console.warn(`mcp-optimizer: the tool could not be registered anew: ${messageOf(error)}`);
    });
  });
  return {
    [Symbol.dispose]() {
      unlisten();
      ending.abort();
      registered.abort();
    },
  };
}

/**
 * The tools of the page's model context as `tools` of `createOptimizer`, as they are now. Programs find them as
 * `tools.page.<name>`; their descriptions and answers are outside data, and what they say of their effects does not count.
 */
export async function webMcpTools(
  modelContext: ModelContext = requireModelContext(),
): Promise<Record<string, PageTool>> {
  const tools = (await modelContext.getTools?.()) ?? [];
  return Object.fromEntries(tools.map((tool) => [String(tool.name), toPageTool(modelContext, tool)]));
}

function toPageTool(modelContext: ModelContext, tool: WebMcpTool): PageTool {
  const { description } = tool;
  const inputSchema = readSchema(tool.inputSchema);
  return {
    ...(typeof description === "string" ? { description } : {}),
    ...(inputSchema === undefined ? {} : { inputSchema }),
    call: async (args, { signal }) => readAnswer(await execute(modelContext, tool, args, signal)),
  };
}

/**
 * Browsers before Chromium 154, and polyfills, take the input as text and later ones as an object. Those refuse a text before
 * anything runs, so that it is tried first.
 */
async function execute(
  modelContext: ModelContext,
  tool: WebMcpTool,
  args: JsonObject,
  signal: AbortSignal,
): Promise<unknown> {
  if (modelContext.executeTool === undefined) throw noModelContext("It can't call tools.");
  try {
    return await modelContext.executeTool(tool, JSON.stringify(args), { signal });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return modelContext.executeTool(tool, args, { signal });
  }
}

function readSchema(schema: unknown): JsonObject | undefined {
  const value = typeof schema === "string" ? parseJson(schema) : schema;
  return isJsonObject(value) ? value : undefined;
}

/** An answer is JSON as text, where it is not text itself. */
function readAnswer(answer: unknown): unknown {
  return typeof answer === "string" ? (parseJson(answer) ?? answer) : answer;
}

function requireModelContext(): ModelContext {
  const found: unknown = Reflect.get(document, "modelContext") ?? Reflect.get(navigator, "modelContext");
  if (isModelContext(found)) return found;
  throw noModelContext("There is none in this page.");
}

function isModelContext(value: unknown): value is ModelContext {
  return value instanceof EventTarget && "registerTool" in value;
}

function noModelContext(message: string): OptimizerError {
  return new OptimizerError(`document.modelContext: ${message}`, {
    code: 400,
    kind: "no_model_context",
    hint: "It takes a secure page and a browser with WebMCP, or the polyfill @mcp-b/webmcp-polyfill.",
  });
}
