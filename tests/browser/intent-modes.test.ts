import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import {
  createOptimizer,
  type ExecutionMode,
  type IntentDefinition,
  type JsonObject,
  memory,
  type Optimizer,
} from "../../src/index.ts";

const servers = inject("servers");

/** What each intent of the demo's servers is asked. */
const PARAMS: Readonly<Record<string, JsonObject>> = {
  "page.double": { n: 21 },
  "errors.list_errors": { limit: 2, environment: "production" },
  "errors.analyze_error": { id: "ERR-00007" },
  "errors.fix_error": { id: "ERR-00007", strategy: "retry_with_backoff", dryRun: true },
  "everything.echo": { message: "'); evil('" },
  "everything.get_sum": { a: 2, b: 3 },
  "everything.get_tiny_image": {},
  "everything.get_structured_content": { location: "New York" },
  "everything.get_annotated_message": { messageType: "success", includeImage: true },
  "everything.get_resource_links": { count: 2 },
  by_both: { limit: 3 },
  by_python: { limit: 3 },
  by_tool: { text: "hello" },
  by_program: { n: 4 },
};

/** Tools whose answer is another one each time, that need a client which asks a person, or reach the network. */
const NOT_ASKED = new Set([
  "everything.get_env",
  // It says what time it is, to the second.
  "everything.get_resource_reference",
  "everything.gzip_file_as_resource",
  "everything.simulate_research_query",
  "everything.toggle_simulated_logging",
  "everything.toggle_subscriber_updates",
  "everything.trigger_long_running_operation",
]);

const INTENTS: readonly IntentDefinition[] = [
  {
    name: "by_both",
    description: "Lists errors.",
    params: { type: "object", properties: { limit: { type: "integer" } }, required: ["limit"] },
    tool: "errors.list_errors",
    program: { code: "return await tools.errors.list_errors({ limit: params.limit })" },
  },
  {
    name: "by_python",
    description: "Lists errors.",
    complexity: "complex",
    tool: "errors.list_errors",
    program: { language: "python", code: "await tools.errors.list_errors(limit=params['limit'])" },
  },
  {
    name: "by_tool",
    description: "Says it again.",
    tool: { ref: "everything.echo", args: ({ text = "" }) => ({ message: text }) },
  },
  { name: "by_program", description: "Squares.", program: { code: "return params.n ** 2" } },
];

let optimizer: Optimizer;

beforeAll(async () => {
  optimizer = await createOptimizer({
    servers: { errors: servers.errors, everything: servers.everything },
    tools: {
      double: {
        inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
        call: ({ n }) => Number(n) * 2,
      },
    },
    context: memory(),
    intents: INTENTS,
    flags: { enableCaching: false, maxTokensPerRequest: 100_000 },
  });
});
afterAll(() => optimizer[Symbol.asyncDispose]());

test("every intent of the demo's servers is asked here, or is left out by name", () => {
  const names = optimizer.intents.list().map(({ name }) => name);
  expect(names.filter((name) => !NOT_ASKED.has(name)).toSorted()).toEqual(Object.keys(PARAMS).toSorted());
});

const MODES: readonly ExecutionMode[] = ["mcp_only", "hybrid", "code_execution"];

/** The value of an intent in each mode, with the way that it went. */
async function inEveryMode(intent: string, params: JsonObject): Promise<readonly (readonly unknown[])[]> {
  const results: (readonly unknown[])[] = [];
  for (const executionMode of MODES) {
    optimizer.flags.set({ executionMode });
    const response = await optimizer.execute({ intent, params, id: intent });
    if ("error" in response) results.push([response.error.data.kind, undefined]);
    else if ("value" in response.result) {
      results.push([response.result.route?.way, response.result.value]);
    } else results.push(["suspended", undefined]);
  }
  optimizer.flags.set({ executionMode: "hybrid" });
  return results;
}

test.for(Object.entries(PARAMS))("%s gives the same in all modes", async ([intent, params], { annotate }) => {
  const [classic, hybrid, code] = await inEveryMode(intent, params);
  const ways = [classic?.[0], hybrid?.[0], code?.[0]];
  await annotate(`${intent}: ${ways.join(", ")}`);
  if (intent === "by_program") {
    // There is no tool to fall back on.
    expect(ways).toEqual(["code_execution_off", "code", "code"]);
  } else {
    // In hybrid `by_both` has tried its tool, and tries what its program costs.
    const hybridWay = intent === "by_python" || intent === "by_both" ? "code" : "mcp";
    expect(ways).toEqual(["mcp", hybridWay, "code"]);
    expect(classic?.[1]).toEqual(code?.[1]);
  }
  expect(code?.[1]).toBeDefined();
  expect(hybrid?.[1]).toEqual(code?.[1]);
});

test("an explanation counts by a model's tokenizer what costs the same either way", async () => {
  const { description, params } = optimizer.intents.get("errors.list_errors") ?? {};
  const definition = { name: "list_errors", description, input_schema: params };
  expect((await optimizer.explain("errors.list_errors")).alike).toEqual({
    intent: countTokens(JSON.stringify(definition)),
    manifest: countTokens(JSON.stringify(optimizer.manifest())),
    describe: 0,
  });
});

test("a sandbox frame that dies while an intent runs settles it once, and the next one works", async () => {
  const calls: string[] = [];
  await using own = await createOptimizer({
    tools: {
      hang: {
        annotations: { destructiveHint: false },
        call: (_, { signal }) => {
          calls.push("hang");
          document.querySelectorAll('iframe[title="MCP Optimizer sandbox"]').item(1)?.remove();
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
    },
    context: memory(),
    flags: { executionMode: "code_execution" },
  });
  expect(await own.execute({ intent: "page.hang", id: 1 })).toMatchObject({
    error: { code: 500, data: { kind: "crashed", route: { way: "code" } } },
  });
  expect(calls).toEqual(["hang"]);
  expect(await own.run({ code: "return 1" })).toMatchObject({ status: "returned", value: 1 });
});

test("says what it can do here", async () => {
  expect(await optimizer.capabilities()).toMatchObject({
    languages: ["javascript", "typescript", "python"],
    sandboxes: [
      { name: "quickjs", freezes: true },
      { name: "pyodide", freezes: false },
    ],
    platform: { webAssembly: true, indexedDb: true, crossOriginIsolated: false },
    storage: { backend: "memory", health: { state: "volatile" } },
    servers: [
      {
        name: "errors",
        status: { state: "ready" },
        tools: 3,
        features: { transport: "http", name: "errors", version: "1.0.0", capabilities: ["tools"] },
      },
      { name: "everything", features: { capabilities: expect.arrayContaining(["tools", "prompts"]) } },
    ],
  });
});
