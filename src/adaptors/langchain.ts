import { type StructuredToolInterface, type ToolRuntime, tool } from "@langchain/core/tools";
import { interrupt } from "@langchain/langgraph";
import type { Decisions } from "../engine/resumer.ts";
import type { ApprovalRequest } from "../tools/approval.ts";
import {
  type AdaptorOptions,
  type ApprovalInterrupt,
  RESUME_TOOL,
  resumeRun,
  resumeSchema,
  runTool,
  type ToolEngine,
} from "./tool-engine.ts";

export type { AdaptorOptions, ApprovalInterrupt, ToolEngine } from "./tool-engine.ts";

/**
 * The `tools` of an agent of LangChain, made anew for each.
 *
 * Where a call of a program needs a word, the model calls `resume_run`, which interrupts the graph with an
 * {@link ApprovalInterrupt}, answered by `new Command({ resume: decisions })`: that takes a checkpointer, and an environment
 * where LangGraph's `interrupt` works, as Node. The calls of a program go to the stream mode `custom`, as
 * `{ call: "server.tool" }`.
 */
export function langchainTools(engine: ToolEngine, options: AdaptorOptions = {}): StructuredToolInterface[] {
  const { name, description, inputSchema } = engine.tool;
  const heard = ({ writer }: ToolRuntime): AdaptorOptions => ({
    ...options,
    onEvent(event) {
      options.onEvent?.(event);
      if (event.type === "tool_call") writer?.({ call: event.name });
    },
  });
  return [
    tool(
      async (input: unknown, runtime: ToolRuntime) =>
        JSON.stringify(await runTool(engine, input, heard(runtime), runtime.signal)),
      { name, description, schema: inputSchema },
    ),
    tool(
      async (input: unknown, runtime: ToolRuntime) => {
        const ask = (approvals: readonly ApprovalRequest[]): Decisions =>
          interrupt<ApprovalInterrupt, Decisions>({ approvals });
        return JSON.stringify(await resumeRun(engine, input, ask, heard(runtime), runtime.signal));
      },
      { ...RESUME_TOOL, schema: resumeSchema() },
    ),
  ];
}
