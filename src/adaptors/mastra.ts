import { isJsonObject } from "../base/json.ts";
import type { ModelToolSchema } from "../engine/model-tool.ts";
import {
  type AdaptorOptions,
  type ApprovalInterrupt,
  findApprovals,
  parseDecisions,
  resumeRun,
  runTool,
  type ToolEngine,
} from "./tool-engine.ts";

export type { AdaptorOptions, ApprovalInterrupt, ToolEngine } from "./tool-engine.ts";

/** What `createTool` of Mastra takes. */
export interface MastraTool {
  /** Name of the tool. */
  readonly id: string;
  /** For the model. */
  readonly description: string;
  /** What it takes, as JSON Schema. */
  readonly inputSchema: ModelToolSchema;
  /** Runs what the model wrote, or goes on with it: the output as JSON text, and nothing once it is suspended. Mastra calls it. */
  readonly execute: (input: unknown, context: MastraContext) => Promise<string | undefined>;
}

/** What Mastra hands to a tool, as far as it is used here. */
export interface MastraContext {
  /** Ends the program. */
  readonly abortSignal?: AbortSignal | undefined;
  /** Takes chunks of the agent's stream. */
  readonly writer?: { readonly custom: (chunk: MastraCall) => Promise<void> } | undefined;
  /** How the call waits for people, where an agent made it. */
  readonly agent?: MastraAgentContext | undefined;
}

/** What Mastra hands to a tool of an agent, as far as it is used here. */
export interface MastraAgentContext {
  /** Suspends the agent's run. */
  readonly suspend: (payload: SuspendedProgram) => Promise<void>;
  /** What people answered. */
  readonly resumeData?: unknown;
  /** What the call was suspended with, as Mastra stored it. */
  readonly suspendPayload?: unknown;
}

/** What a suspended call shows to people; `agent.resumeStream(decisions, { runId })` answers it. */
export interface SuspendedProgram extends ApprovalInterrupt {
  /** Token of the program. */
  readonly resume: string;
}

/** A call of a program, in the agent's stream. */
export interface MastraCall {
  /** Names the kind of chunk. */
  readonly type: "data-run_code";
  /** Ref of the tool that was called. */
  readonly data: { readonly call: string };
  /** Mastra does not store it. */
  readonly transient: true;
}

/**
 * The tool of an agent of Mastra, for its `createTool`, made anew for each.
 *
 * Where a call of a program needs a word, the agent's run is suspended with a {@link SuspendedProgram}, and
 * `agent.resumeStream(decisions, { runId })` lets it go on: that takes a storage. The calls of a program are chunks of the
 * stream, {@link MastraCall}. Outside of agents, as in a workflow, the output is `suspended`, and `optimizer.resume` goes on.
 * Leave `autoResumeSuspendedTools` off: with it a model answers for people, which is not heard, and the program begins anew.
 */
export function mastraTool(engine: ToolEngine, options: AdaptorOptions = {}): MastraTool {
  const { name, description, inputSchema } = engine.tool;
  return {
    id: name,
    description,
    inputSchema,
    async execute(input, { abortSignal, writer, agent }) {
      let written = Promise.resolve();
      const heard: AdaptorOptions = {
        ...options,
        onEvent(event) {
          options.onEvent?.(event);
          if (event.type !== "tool_call" || writer === undefined) return;
          const chunk = { type: "data-run_code", data: { call: event.name }, transient: true } as const;
          // One at a time, as the stream wants it. A stream that nobody reads any more ends no program.
          written = written.then(() => writer.custom(chunk)).catch(() => undefined);
        },
      };
      // A model can write `resumeData` into the arguments of its call, and Mastra passes it on, in place of what people
      // answer. It decides nothing: without a suspended call it is not read, and there it can't know the ids of the approvals,
      // which are made after it was written.
      const output = isJsonObject(agent?.suspendPayload)
        ? await resumeRun(
            engine,
            agent.suspendPayload,
            () => parseDecisions(agent.resumeData),
            heard,
            abortSignal,
          )
        : await runTool(engine, input, heard, abortSignal);
      await written;
      // As text: of an object with a `value` Mastra shows nothing else to the model.
      if (output.status !== "suspended" || agent === undefined) return JSON.stringify(output);
      const { resume } = output;
      const approvals = (await findApprovals(engine, output, options)) ?? [];
      await agent.suspend({ resume, approvals });
      return undefined;
    },
  };
}
