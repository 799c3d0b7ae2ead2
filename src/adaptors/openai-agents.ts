import { type Tool, tool } from "@openai/agents";
import {
  type AdaptorOptions,
  decideAll,
  notApproved,
  RESUME_TOOL,
  resumeRun,
  resumeSchema,
  runTool,
  type ToolEngine,
} from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/**
 * The `tools` of an `Agent` of the OpenAI Agents SDK.
 *
 * Where a call of a program needs a word, the model calls `resume_run`, which is an interruption of the result:
 * `state.approve(item)` lets the program go on, and `optimizer.suspended()` has what to show for its argument `resume`.
 */
export function openaiAgentsTools(engine: ToolEngine, options: AdaptorOptions = {}): Tool[] {
  const { name, description, inputSchema } = engine.tool;
  return [
    tool({
      name,
      description,
      strict: false,
      parameters: { ...inputSchema, additionalProperties: true as const },
      execute: (input, _context, details) => runTool(engine, input, options, details?.signal),
    }),
    tool({
      ...RESUME_TOOL,
      strict: false,
      parameters: { ...resumeSchema(), additionalProperties: true as const },
      needsApproval: true,
      async execute(input, context, details) {
        const callId = details?.toolCall?.callId ?? "";
        if (context?.isToolApproved({ toolName: RESUME_TOOL.name, callId }) !== true) return notApproved();
        return resumeRun(engine, input, (approvals) => decideAll(approvals, true), options, details?.signal);
      },
    }),
  ];
}
