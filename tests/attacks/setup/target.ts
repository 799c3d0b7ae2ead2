import { createOptimizer, type Optimizer, type OptimizerOptions } from "../../../src/create-optimizer.ts";
import type { RunResult } from "../../../src/engine/run-result.ts";
import type { RunOptions } from "../../../src/engine/run-scope.ts";
import { type PageWatch, watchPage } from "./page-watch.ts";

/** An engine to attack, whose tools keep a record of what reached them. */
export interface Target extends AsyncDisposable {
  readonly optimizer: Optimizer;
  /** Arguments of every call that reached a tool, by tool. */
  readonly calls: { readonly tool: string; readonly args: unknown; readonly signal: AbortSignal }[];
  run(code: string, options?: RunOptions): Promise<RunResult>;
}

const NO_SCHEMA = { type: "object" } as const;

/** Opens an engine with a few tools of the page: echo, strict, slow, fail. */
export async function openTarget(options: Partial<OptimizerOptions> = {}): Promise<Target> {
  const calls: Target["calls"] = [];
  const tool = (
    name: string,
    call: (args: Record<string, unknown>, signal: AbortSignal) => unknown,
    inputSchema: object = NO_SCHEMA,
  ) => ({
    description: `The tool ${name}.`,
    inputSchema: inputSchema as { type: "object" },
    call: async (args: Record<string, unknown>, { signal }: { readonly signal: AbortSignal }) => {
      calls.push({ tool: name, args, signal });
      return call(args, signal);
    },
  });
  const optimizer = await createOptimizer({
    ...options,
    tools: {
      echo: tool("echo", (args) => args),
      strict: tool("strict", (args) => args, {
        type: "object",
        properties: { v: { type: "string", maxLength: 20 } },
        required: ["v"],
        additionalProperties: false,
      }),
      slow: tool(
        "slow",
        (_args, signal) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ),
      fail: tool("fail", (args) => {
        const { message = "it failed" } = args;
        throw new Error(typeof message === "string" ? message : "it failed");
      }),
      ...options.tools,
    },
  });
  return {
    optimizer,
    calls,
    run: (code, runOptions) => optimizer.run({ language: "javascript", code }, runOptions),
    [Symbol.asyncDispose]: () => optimizer[Symbol.asyncDispose](),
  };
}

/** How a run ended, in one word or two. */
export function endOf(result: RunResult): string {
  if (result.status === "stopped") return `stopped/${result.reason} ${result.code}`;
  if (result.status === "threw") return `threw ${result.error.code}`;
  return "returned";
}

/** The proof that the engine still lives: a benign program gives its value. */
export async function benignValue(target: Pick<Target, "optimizer">): Promise<unknown> {
  const result = await target.optimizer.run({
    language: "typescript",
    code: "const six: number = 6; return six * (await tools.page.echo({ n: 7 })).n",
  });
  return result.status === "returned" ? result.value : result;
}

/** Runs an attack and measures it and the page. */
export async function measure(
  target: Target,
  code: string,
  options?: RunOptions,
): Promise<PageWatch & { readonly result: RunResult; readonly ms: number }> {
  const { value, ...watch } = await watchPage(async () => {
    const started = performance.now();
    const result = await target.run(code, options);
    return { result, ms: performance.now() - started };
  });
  return { ...watch, ...value };
}
