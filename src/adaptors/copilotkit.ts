import type { FrontendTool } from "@copilotkit/core";
import { type AdaptorOptions, runTool, type ToolEngine } from "./tool-engine.ts";

export type { AdaptorOptions, ToolEngine } from "./tool-engine.ts";

/**
 * The tool for CopilotKit: for `useFrontendTool`, or `addTool` of its core.
 *
 * It runs in the page that has the user: a call that needs a word goes to `policy.onApproval`, or the output is `suspended`, and
 * `optimizer.resume` of the page goes on.
 */
export function copilotKitTool(engine: Pick<ToolEngine, "tool">, options: AdaptorOptions = {}): FrontendTool {
  const { name, description, inputSchema } = engine.tool;
  return {
    name,
    description,
    parameters: {
      "~standard": {
        version: 1,
        vendor: "mcp-optimizer",
        // The engine checks what it is given, and says to the model what is wrong with it.
        validate: (value) => ({ value: Object(value) }),
        // CopilotKit asks for the schema as https://standardschema.dev/json-schema has it.
        ...{ jsonSchema: { input: () => inputSchema, output: () => inputSchema } },
      },
    },
    handler: (input, { signal }) => runTool(engine, input, options, signal),
  };
}
