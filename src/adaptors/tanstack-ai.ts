import { type AnyTool, toolDefinition } from "@tanstack/ai";
import {
  type AdaptorOptions,
  decideAll,
  RESUME_TOOL,
  resumeRun,
  resumeSchema,
  runTool,
  type ToolEngine,
} from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/**
 * The `tools` of `chat` of TanStack AI, made anew for each.
 *
 * Where a call of a program needs a word, the model calls `resume_run`, which needs the user's approval;
 * `optimizer.suspended()` has what to show for its argument `resume`. The calls of a program are custom events,
 * `run_code:tool_call` with `{ call: "server.tool" }`.
 */
export function tanstackAiTools(engine: ToolEngine, options: AdaptorOptions = {}): AnyTool[] {
  const { name, description, inputSchema } = engine.tool;
  const heard = (context: ToolContext | undefined): AdaptorOptions => ({
    ...options,
    onEvent(event) {
      options.onEvent?.(event);
      if (event.type === "tool_call") context?.emitCustomEvent(`${name}:tool_call`, { call: event.name });
    },
  });
  return [
    toolDefinition({ name, description, inputSchema }).server((input: unknown, context) =>
      runTool(engine, input, heard(context), context?.abortSignal),
    ),
    toolDefinition({ ...RESUME_TOOL, inputSchema: resumeSchema(), needsApproval: true }).server(
      (input: unknown, context) =>
        resumeRun(
          engine,
          input,
          (approvals) => decideAll(approvals, true),
          heard(context),
          context?.abortSignal,
        ),
    ),
  ];
}

/** What the library hands to a tool, as far as it is used here. */
interface ToolContext {
  readonly abortSignal?: AbortSignal;
  emitCustomEvent(name: string, value: Record<string, unknown>): void;
}
