import { defineIntent, type IntentDefinition } from "../src/index.ts";

/** Named operations of this page, beside the tools. */
export const DEMO_INTENTS: readonly IntentDefinition[] = [
  defineIntent({
    name: "costly_services",
    description: "Names the services whose errors hit the most users.",
    complexity: "complex",
    params: {
      type: "object",
      properties: { most: { type: "integer", minimum: 1, maximum: 20 } },
      required: ["most"],
    },
    program: {
      code: `const { errors } = await tools.errors.list_errors({ limit: 2_000 });
const services = Map.groupBy(errors, ({ service }) => service);
const users = [...services].map(([name, rows]) => [
  name,
  rows.reduce((sum, { usersAffected }) => sum + usersAffected, 0),
]);
return Object.fromEntries(users.sort((a, b) => b[1] - a[1]).slice(0, params.most));`,
    },
  }),
  defineIntent({
    name: "first_errors",
    description: "Lists the first errors, by a tool or by a program: both give the same.",
    params: {
      type: "object",
      properties: { most: { type: "integer", minimum: 1, maximum: 20 } },
      required: ["most"],
    },
    tool: { ref: "errors.list_errors", args: ({ most = 1 }) => ({ limit: most }) },
    program: { code: "return await tools.errors.list_errors({ limit: params.most })" },
  }),
];
