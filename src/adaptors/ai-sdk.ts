import { dynamicTool, jsonSchema, type ModelMessage, type Tool } from "ai";
import type { ModelOutput } from "../engine/model-output.ts";
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

/** What a user interface gets to see while a program runs: a preliminary result. */
export interface RunProgress {
  readonly status: "running";
  /** Refs of the tools that were called so far. */
  readonly calls: readonly string[];
}

/**
 * The `tools` of `generateText`, `streamText` and agents of the Vercel AI SDK: make them anew for each request.
 *
 * While a program runs, its calls come as preliminary results. Where one of them needs a word, the model calls `resume_run`,
 * which the SDK gives to the user as a `tool-approval-request`; `optimizer.suspended()` has what to show for its
 * `input.resume`. Without the user's response in the messages nothing goes on, whatever `toolApproval` says.
 */
export function aiSdkTools(
  engine: ToolEngine,
  options: AdaptorOptions = {},
): Record<string, Tool<unknown, unknown> & { type: "dynamic" }> {
  const { tool } = engine;
  return {
    [tool.name]: dynamicTool({
      description: tool.description,
      inputSchema: jsonSchema(tool.inputSchema),
      execute: (input, { abortSignal }) =>
        withProgress(options, (heard) => runTool(engine, input, heard, abortSignal)),
    }),
    [RESUME_TOOL.name]: dynamicTool({
      description: RESUME_TOOL.description,
      inputSchema: jsonSchema(resumeSchema()),
      needsApproval: true,
      execute: (input, { abortSignal, messages, toolCallId }) =>
        withProgress(options, async (heard) =>
          isApproved(messages, toolCallId)
            ? resumeRun(engine, input, (approvals) => decideAll(approvals, true), heard, abortSignal)
            : notApproved(),
        ),
    }),
  };
}

/** Yields what was called so far each time that a tool is called, and at last the output. */
async function* withProgress(
  options: AdaptorOptions,
  run: (options: AdaptorOptions) => Promise<ModelOutput>,
): AsyncGenerator<RunProgress | ModelOutput> {
  const calls: string[] = [];
  let wake = (): void => {};
  let output: ModelOutput | undefined;
  const running = run({
    ...options,
    onEvent(event) {
      options.onEvent?.(event);
      if (event.type !== "tool_call") return;
      calls.push(event.name);
      wake();
    },
  }).finally(() => wake());
  const ended = running.then((value) => {
    output = value;
  });
  for (let shown = 0; output === undefined; ) {
    if (shown === calls.length) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await Promise.race([promise, ended]);
    } else {
      shown = calls.length;
      yield { status: "running", calls: [...calls] };
    }
  }
  yield output;
}

/** Whether the conversation has a user's approval of this call. */
function isApproved(messages: readonly ModelMessage[], toolCallId: string): boolean {
  const asked = new Set<string>();
  let approved = false;
  for (const { content } of messages) {
    if (typeof content === "string") continue;
    for (const part of content) {
      if (part.type === "tool-approval-request" && part.toolCallId === toolCallId) asked.add(part.approvalId);
      if (part.type === "tool-approval-response" && asked.has(part.approvalId)) approved = part.approved;
    }
  }
  return approved;
}
