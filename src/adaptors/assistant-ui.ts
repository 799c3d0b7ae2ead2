import type { ModelOutput } from "../engine/model-output.ts";
import type { ModelToolSchema } from "../engine/model-tool.ts";
import {
  type AdaptorOptions,
  type ApprovalInterrupt,
  parseDecisions,
  runToolAsking,
  type ToolEngine,
} from "./tool-engine.ts";

export type { AdaptorOptions, ApprovalInterrupt, ToolEngine } from "./tool-engine.ts";

/** The tool as assistant-ui has those that run in the page. */
export interface AssistantUiTool<Render> {
  /** Where it runs: in the page. */
  readonly type: "frontend";
  /** For the model. */
  readonly description: string;
  /** What it takes, as JSON Schema. */
  readonly parameters: ModelToolSchema;
  /** The component that shows a call. */
  readonly render: Render;
  /** Runs what the model wrote; assistant-ui calls it. */
  readonly execute: (input: unknown, context: AssistantUiContext) => Promise<ModelOutput>;
}

/** What assistant-ui hands to a tool, as far as it is used here. */
export interface AssistantUiContext {
  /** Ends the program. */
  readonly abortSignal: AbortSignal;
  /** Asks the user, through what shows the call. */
  readonly human: (interrupt: ApprovalInterrupt) => Promise<unknown>;
}

/**
 * A toolkit with the one tool, for `Tools({ toolkit })` of assistant-ui, made anew when the servers' tools change, and not
 * for each render. `render` is your component for its calls.
 *
 * It runs in the page that has the user. Where a call of a program needs a word, the part that `render` gets has
 * `interrupt.payload`, an {@link ApprovalInterrupt}, and its `resume(decisions)` lets the program go on. A runtime without
 * interrupts, as `useLocalRuntime`, fails the call instead: `policy.onApproval`, or `optimizer.resume` of the page, decides there.
 */
export function assistantUiToolkit<Render>(
  engine: ToolEngine,
  render: Render,
  options: AdaptorOptions = {},
): Record<string, AssistantUiTool<Render>> {
  const { name, description, inputSchema } = engine.tool;
  return {
    [name]: {
      type: "frontend",
      description,
      parameters: inputSchema,
      render,
      execute: (input, { abortSignal, human }) =>
        runToolAsking(
          engine,
          input,
          async (approvals) => parseDecisions(await human({ approvals })),
          options,
          abortSignal,
        ),
    },
  };
}
