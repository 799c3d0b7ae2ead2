import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { describeIssue, type StandardSchema, standardJsonSchema } from "../engine/standard-schema.ts";
import type { PageTool } from "../tools/page-source.ts";
import type { ToolAnnotations } from "../tools/tool.ts";

export type { StandardSchema } from "../engine/standard-schema.ts";

/** What a schema makes of a value that it accepts. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

/** A function of the page whose arguments have a schema of Zod, Valibot, ArkType or another library. */
export interface StandardTool<Input extends StandardSchema> {
  readonly description?: string;
  readonly input: Input;
  /** Of the value, for the model: what the tool returns is not checked. */
  readonly output?: StandardSchema;
  readonly annotations?: ToolAnnotations;
  /** Does the work, as {@link PageTool} has it, with the arguments as the schema read them: defaults and types included. */
  call(args: OutputOf<Input>, options: { readonly signal: AbortSignal }): unknown;
}

/**
 * A tool of the page, for `createOptimizer({ tools })`, by any library with Standard Schema.
 *
 * @throws OptimizerError 400 `no_json_schema` for a schema whose library can't write it as JSON Schema.
 */
export function standardTool<Input extends StandardSchema>(tool: StandardTool<Input>): PageTool {
  const { description, input, output, annotations } = tool;
  return {
    inputSchema: requireJsonSchema(input, "input"),
    ...(description === undefined ? {} : { description }),
    ...(output === undefined ? {} : { outputSchema: requireJsonSchema(output, "output") }),
    ...(annotations === undefined ? {} : { annotations }),
    async call(args, options) {
      const result = await input["~standard"].validate(args);
      if (result.issues !== undefined)
        throw new OptimizerError(
          `Wrong arguments: ${result.issues.slice(0, 5).map(describeIssue).join("; ")}`,
          {
            code: 400,
            kind: "invalid_arguments",
          },
        );
      return tool.call(result.value, options);
    },
  };
}

function requireJsonSchema(schema: StandardSchema, side: "input" | "output"): JsonObject {
  const json = standardJsonSchema(schema, side);
  if (isJsonObject(json)) return json;
  throw new OptimizerError(
    `The library ${schema["~standard"].vendor} can't write the ${side} as JSON Schema.`,
    {
      code: 400,
      kind: "no_json_schema",
      hint: "Take a version with Standard JSON Schema (Zod 4.2, ArkType 2.1.28), or what your library has for it, such as toStandardJsonSchema() of @valibot/to-json-schema.",
    },
  );
}
