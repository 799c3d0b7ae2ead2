import type { ToolDefinitionForModel } from "../capabilities/manifest.ts";
import { type ModelOutput, toModelFailure, toModelOutput } from "./model-output.ts";
import type { ProgramRunner } from "./program-runner.ts";
import { readProgram } from "./request.ts";
import type { RunOptions } from "./run-scope.ts";

/** The one tool in the form that agents hand to a model. */
export interface ModelTool extends ToolDefinitionForModel {
  /** The schema under the name that MCP and most frameworks use: a copy, since their types want to own it. */
  readonly inputSchema: ModelToolSchema;
  /** Runs what the model wrote. Never rejects: a failure is an output that a model can act on. */
  execute(input: unknown, options?: RunOptions): Promise<ModelOutput>;
  /** The definition as it is sent to a model, at most 187 tokens. */
  toJSON(): ToolDefinitionForModel;
}

/** What the tool takes, as JSON Schema. */
export type ModelToolSchema = {
  type: "object";
  properties: { code: { type: "string" }; language: { enum: string[] } };
  required: string[];
};

/** Makes the tool of a definition. */
export function createModelTool(
  definition: ToolDefinitionForModel,
  runner: Pick<ProgramRunner, "run">,
): ModelTool {
  const { type, properties, required } = definition.input_schema;
  return {
    ...definition,
    inputSchema: {
      type,
      properties: { code: properties.code, language: { enum: [...properties.language.enum] } },
      required: [...required],
    },
    toJSON: () => definition,
    async execute(input, options) {
      try {
        return toModelOutput(await runner.run(readProgram(input), options));
      } catch (error) {
        return toModelFailure(error);
      }
    },
  };
}
