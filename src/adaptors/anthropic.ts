import type { BetaRunnableTool } from "@anthropic-ai/sdk/lib/tools/BetaRunnableTool";
import { type AdaptorOptions, runTool, type ToolEngine } from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/**
 * One of the `tools` of `client.beta.messages.toolRunner` of the Anthropic SDK: make it anew for each runner.
 *
 * The runner asks nobody about calls of tools: one that needs a word goes to `policy.onApproval`, or the output is
 * `suspended`, and `optimizer.resume` of the embedder goes on.
 */
export function anthropicTool(
  engine: Pick<ToolEngine, "tool">,
  options: AdaptorOptions = {},
): BetaRunnableTool<unknown> {
  const { name, description, inputSchema } = engine.tool;
  return {
    type: "custom",
    name,
    description,
    input_schema: inputSchema,
    parse: (input) => input,
    run: async (input, context) =>
      JSON.stringify(await runTool(engine, input, options, context?.signal ?? undefined)),
  };
}
