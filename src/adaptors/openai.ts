import type {
  FunctionTool,
  ResponseFunctionToolCall,
  ResponseInputItem,
} from "openai/resources/responses/responses";
import { parseJson } from "../base/json.ts";
import { type AdaptorOptions, runTool, type ToolEngine } from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/** The one tool for a loop of your own over OpenAI's Responses API. */
export interface OpenAiTools {
  /** `tools` of a request, as they are now. */
  readonly tools: FunctionTool[];
  /**
   * Answers a `function_call` of a response: the item for the next request's `input`. Never rejects.
   *
   * The API asks nobody about functions: a call that needs a word goes to `policy.onApproval`, or the output is `suspended`,
   * and `optimizer.resume` of the embedder goes on.
   */
  call(
    item: Pick<ResponseFunctionToolCall, "arguments" | "call_id">,
    options?: { readonly signal?: AbortSignal },
  ): Promise<ResponseInputItem.FunctionCallOutput>;
}

/** The engine's tool for OpenAI's Responses API, and what answers its calls. */
export function openaiTools(engine: Pick<ToolEngine, "tool">, options: AdaptorOptions = {}): OpenAiTools {
  return {
    get tools(): FunctionTool[] {
      const { name, description, inputSchema } = engine.tool;
      return [{ type: "function", name, description, parameters: { ...inputSchema }, strict: false }];
    },
    async call(item, { signal } = {}) {
      const output = await runTool(engine, parseJson(item.arguments), options, signal);
      return { type: "function_call_output", call_id: item.call_id, output: JSON.stringify(output) };
    },
  };
}
