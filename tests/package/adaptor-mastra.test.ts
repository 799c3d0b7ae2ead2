import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { AdaptorOptions, ToolEngine } from "../../src/adaptors/mastra.ts";
import { call, script } from "../unit/fixtures/mock-model.ts";
import { runReadmeExample } from "../unit/fixtures/readme-example.ts";
import { ORDER, openShop, SUM } from "../unit/fixtures/tool-engine.ts";
import { checkTypes, installLocked } from "./packed-app.ts";

/** What an author writes. */
const APP = {
  "agent.ts": `
    import { Agent } from "@mastra/core/agent";
    import { Mastra } from "@mastra/core/mastra";
    import { InMemoryStore } from "@mastra/core/storage";
    import { createTool } from "@mastra/core/tools";
    import { type AdaptorOptions, mastraTool, type ToolEngine } from "mcp-optimizer/mastra";

    type Model = ConstructorParameters<typeof Agent>[0]["model"];

    export function openAgent(optimizer: ToolEngine, model: Model, options?: AdaptorOptions): Agent {
      const tools = { run_code: createTool(mastraTool(optimizer, options)) };
      const agent = new Agent({ id: "shop", name: "shop", instructions: "Use the tool.", model, tools });
      new Mastra({ agents: { agent }, storage: new InMemoryStore(), logger: false });
      return agent;
    }
    // @ts-expect-error An agent is no optimizer.
    export const wrong = (agent: Agent) => createTool(mastraTool(agent));
  `,
};

/** An agent of Mastra, as far as the tests use it. */
interface MastraAgent {
  stream(prompt: string, options?: { readonly abortSignal?: AbortSignal }): Promise<MastraStream>;
  resumeStream(data: unknown, options: { readonly runId: string }): Promise<MastraStream>;
}
interface MastraStream {
  readonly runId: string;
  readonly fullStream: AsyncIterable<{
    readonly type: string;
    readonly payload?: unknown;
    readonly data?: unknown;
  }>;
}
type OpenAgent = (
  optimizer: ToolEngine,
  model: ReturnType<typeof script>,
  options?: AdaptorOptions,
) => MastraAgent;

describe("the adaptor for Mastra", () => {
  let folder: string;
  let app: string;
  let openAgent: OpenAgent;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-mastra-"));
    // Mastra would tell its makers that it was started.
    vi.stubEnv("MASTRA_TELEMETRY_DISABLED", "1");
    const locked = path.join(import.meta.dirname, "locked/mastra");
    app = await installLocked(path.join(folder, "app"), APP, locked);
    ({ openAgent } = await import(/* @vite-ignore */ path.join(app, "agent.ts")));
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  test("has types that the package takes", async () => {
    await checkTypes(app, ["agent.ts"]);
  });

  test("runs the README's example: it ends with what the program made of the tools' answers", async () => {
    await using shop = await openShop();
    const model = script(() => call("run_code", { code: SUM }));
    const [text] = await runReadmeExample("mastra", { optimizer: shop.engine, model }, app);
    expect(unquoted(text)).toContain('{"status":"returned","value":12}');
  });

  test.for([
    [true, [{ id: 7 }], '{"status":"returned","value":7}'],
    [false, [], '"kind":"denied"'],
  ] as const)(
    "a call that needs a word suspends the agent; the answer is %s",
    async ([allow, ordered, text]) => {
      await using shop = await openShop();
      const agent = openAgent(
        shop.engine,
        script(() => call("run_code", { code: ORDER })),
      );
      const before = await read(agent.stream("Order it."));
      const [waiting] = await shop.engine.suspended();
      expect(before.suspended).toEqual([{ resume: waiting?.resume, approvals: waiting?.approvals }]);
      expect(shop.ordered).toEqual([]);
      const after = await read(agent.resumeStream(decisions(waiting, allow), { runId: before.runId }));
      expect(after.text).toContain(text);
      expect(shop.ordered).toEqual(ordered);
    },
  );

  test("a program that needs two words suspends the agent twice", async () => {
    await using shop = await openShop();
    const code = "for (const id of [1, 2]) await tools.page.order({ id }); return 'both'";
    const agent = openAgent(
      shop.engine,
      script(() => call("run_code", { code })),
    );
    let seen = await read(agent.stream("Order them."));
    for (const ordered of [1, 2]) {
      const [waiting] = await shop.engine.suspended();
      expect(seen.suspended).toEqual([{ resume: waiting?.resume, approvals: waiting?.approvals }]);
      seen = await read(agent.resumeStream(decisions(waiting, true), { runId: seen.runId }));
      expect(shop.ordered.length).toBe(ordered);
    }
    expect(seen.text).toContain('{"status":"returned","value":"both"}');
  });

  test("a model that answers for people is not heard", async () => {
    await using shop = await openShop();
    const [, other] = [await shop.engine.tool.execute({ code: ORDER }), (await shop.engine.suspended())[0]];
    const resumeData = { ...decisions(other, true), approved: true };
    const agent = openAgent(
      shop.engine,
      script(() => call("run_code", { code: ORDER, resumeData })),
    );
    const before = await read(agent.stream("Order it."));
    const waiting = (await shop.engine.suspended()).find(({ resume }) => resume !== other?.resume);
    expect(before.suspended).toEqual([{ resume: waiting?.resume, approvals: waiting?.approvals }]);
    // Mastra hands on what the model wrote in place of what people answer: nothing goes on.
    const after = await read(agent.resumeStream(decisions(waiting, true), { runId: before.runId }));
    expect(after.text).toContain('"kind":"missing_decision"');
    expect([shop.ordered, (await shop.engine.suspended()).length]).toEqual([[], 2]);
  });

  test("the calls of a program are chunks of the stream, and aborting ends it", async () => {
    await using shop = await openShop();
    const ending = new AbortController();
    const ends: string[] = [];
    const agent = openAgent(
      shop.engine,
      script(() =>
        call("run_code", {
          code: "await tools.page.price({ id: 1 }); return await tools.page.wait()",
        }),
      ),
      { onEvent: (event) => void (event.type === "finished" && ends.push(event.result.status)) },
    );
    const { fullStream } = await agent.stream("Wait.", { abortSignal: ending.signal });
    const heard: unknown[] = [];
    for await (const { type, data } of fullStream)
      if (type === "data-run_code" && heard.push(data) === 2) ending.abort();
    await expect.poll(() => ends).toEqual(["stopped"]);
    expect(heard).toEqual([{ call: "page.price" }, { call: "page.wait" }]);
  });
});

/** One word for all calls of a run that waits. */
function decisions(
  waiting: Awaited<ReturnType<ToolEngine["suspended"]>>[number] | undefined,
  allow: boolean,
): object {
  return Object.fromEntries(waiting?.approvals.map(({ id }) => [id, { allow }]) ?? []);
}

/** What comes of a stream: what it was suspended with, and what the model said. */
async function read(opening: Promise<MastraStream>) {
  const { runId, fullStream } = await opening;
  const suspended: unknown[] = [];
  let text = "";
  for await (const { type, payload } of fullStream) {
    if (type === "tool-call-suspended") suspended.push(Reflect.get(Object(payload), "suspendPayload"));
    if (type === "text-delta") text += Reflect.get(Object(payload), "text");
  }
  return { runId, suspended, text: unquoted(text) };
}

/** JSON text within JSON text. */
function unquoted(text: unknown): string {
  return String(text).replaceAll("\\", "");
}
