import { cleanupWebMCPPolyfill, initializeWebMCPPolyfill } from "@mcp-b/webmcp-polyfill";
import { afterEach, describe, expect, test } from "vitest";
import { type ModelContext, registerWebMcp, webMcpTools } from "../../src/adaptors/webmcp.ts";
import { createOptimizer, memory } from "../../src/index.ts";

const native: unknown = Reflect.get(document, "modelContext");

const own = Object.getOwnPropertyDescriptor(Document.prototype, "modelContext");

const ways = [
  ...(native === undefined ? [] : [["the browser's own", () => native] as const]),
  [
    "the polyfill's",
    () => {
      Reflect.deleteProperty(Document.prototype, "modelContext");
      initializeWebMCPPolyfill();
      return Reflect.get(document, "modelContext");
    },
  ] as const,
];

describe.each(ways)("%s model context", (_name, open) => {
  let ending: AbortController | undefined;

  afterEach(() => {
    ending?.abort();
    cleanupWebMCPPolyfill();
    if (own !== undefined) Object.defineProperty(Document.prototype, "modelContext", own);
  });

  const openContext = async (): Promise<ModelContext> => {
    const context = open() as ModelContext;
    ending = new AbortController();
    await context.registerTool(
      {
        name: "double",
        description: "Doubles a number",
        inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
        execute: async (input) => ({ doubled: Number(Object(input).n) * 2 }),
      },
      { signal: ending.signal },
    );
    return context;
  };

  test("gives its tools to programs, and takes the one tool", async () => {
    const context = await openContext();
    await using optimizer = await createOptimizer({ tools: await webMcpTools(), context: memory() });
    const registration = await registerWebMcp(optimizer);
    const names = async (): Promise<readonly string[]> =>
      ((await context.getTools?.()) ?? []).map(({ name }) => name).sort();
    expect(await names()).toEqual(["double", "run_code"]);

    // The page's agent: it finds the one tool, and calls it with a program.
    const code =
      "const rows = await Promise.all([1, 2, 3].map((n) => tools.page.double({ n }))); return rows.map(({ doubled }) => doubled)";
    const { run_code: agent } = await webMcpTools();
    const answer = await agent?.call({ code }, { signal: new AbortController().signal });
    expect(answer).toMatchObject({ status: "returned", value: [2, 4, 6] });

    registration[Symbol.dispose]();
    expect(await names()).toEqual(["double"]);
  });

  test("has the one tool as it is described now", async () => {
    const context = await openContext();
    await using optimizer = await createOptimizer({ tools: await webMcpTools(), context: memory() });
    let description = "before";
    let change = (): void => {};
    const engine: Parameters<typeof registerWebMcp>[0] = {
      get tool() {
        return { ...optimizer.tool, description };
      },
      onChange(listener) {
        change = listener;
        return () => {};
      },
    };
    using _registration = await registerWebMcp(engine);
    description = "after";
    change();
    await expect
      .poll(async () => ((await context.getTools?.()) ?? []).map((tool) => [tool.name, tool.description]))
      .toEqual([
        ["double", "Doubles a number"],
        ["run_code", "after"],
      ]);
  });

  test("is checked: arguments against the schema, which it does not do itself", async () => {
    await openContext();
    await using optimizer = await createOptimizer({ tools: await webMcpTools(), context: memory() });
    const result = await optimizer.run({ code: 'return await tools.page.double({ n: "2" })' });
    expect(result).toMatchObject({ status: "threw", error: { kind: "invalid_arguments" } });
  });
});

test("a page without a model context is told so", async () => {
  Object.defineProperty(document, "modelContext", { value: undefined, configurable: true });
  await expect(webMcpTools()).rejects.toMatchObject({ code: 400, kind: "no_model_context" });
  Reflect.deleteProperty(document, "modelContext");
});
