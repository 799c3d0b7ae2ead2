import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumOptions } from "../setup/chromium.ts";
import { ORDER, SUM } from "../unit/fixtures/tool-engine.ts";
import { checkTypes, findBlock, installLocked, serveFolder } from "./packed-app.ts";

/** An application with the component of the README, over assistant-ui's runtime for the AI SDK and a scripted model. */
const APP = {
  "index.html":
    '<!doctype html><title>app</title><main></main><script type="module" src="./main.tsx"></script>',
  "optimizer.js": `
    import { createOptimizer } from "mcp-optimizer";

    export const ordered = [];
    export const waits = [];
    export const optimizer = await createOptimizer({
      tools: {
        price: { annotations: { readOnlyHint: true }, call: ({ id }) => ({ price: id * 2 }) },
        order: { annotations: { destructiveHint: true }, call: (args) => (ordered.push(args), { ordered: args.id }) },
        wait: {
          annotations: { readOnlyHint: true },
          call: (_args, { signal }) => {
            waits.push("waits");
            return new Promise(() => signal.addEventListener("abort", () => waits.push("ended")));
          },
        },
      },
    });
  `,
  "main.tsx": `
    import { useChatRuntime } from "@assistant-ui/ai-sdk";
    import { MessagePrimitive, ThreadPrimitive } from "@assistant-ui/react";
    import { type ChatTransport, lastAssistantMessageIsCompleteWithToolCalls, type UIMessage, type UIMessageChunk } from "ai";
    import { createRoot } from "react-dom/client";

    // Calls the tool with what the user says, and then says what it answered.
    const transport: ChatTransport<UIMessage> = {
      async sendMessages({ messages }) {
        const last = messages.at(-1);
        const id = crypto.randomUUID();
        const said = last?.parts.map((part) => (part.type === "text" ? part.text : "")).join("") ?? "";
        const turn: UIMessageChunk[] =
          last?.role === "user"
            ? [{ type: "tool-input-available", toolCallId: id, toolName: "run_code", input: { code: said } }]
            : [
                { type: "text-start", id },
                { type: "text-delta", id, delta: "heard " + JSON.stringify(last?.parts) },
                { type: "text-end", id },
              ];
        return new ReadableStream<UIMessageChunk>({
          start(controller) {
            const chunks: UIMessageChunk[] = [{ type: "start" }, { type: "start-step" }, ...turn, { type: "finish-step" }, { type: "finish" }];
            for (const chunk of chunks) controller.enqueue(chunk);
            controller.close();
          },
        });
      },
      reconnectToStream: async () => null,
    };

    function App({ Assistant }: { Assistant: React.ComponentType<any> }) {
      const runtime = useChatRuntime({ transport, sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls });
      Object.assign(window, { thread: runtime.thread });
      return (
        <Assistant runtime={runtime}>
          <ThreadPrimitive.Root>
            <ThreadPrimitive.Messages>{() => <MessagePrimitive.Root><MessagePrimitive.Parts /></MessagePrimitive.Root>}</ThreadPrimitive.Messages>
          </ThreadPrimitive.Root>
        </Assistant>
      );
    }

    // @ts-ignore Both are JavaScript.
    const [{ Assistant }, { ordered, waits }] = await Promise.all([import("./assistant.jsx"), import("./optimizer.js")]);
    Object.assign(window, { ordered, waits });
    createRoot(document.querySelector("main")!).render(<App Assistant={Assistant} />);
  `,
  // What an author writes in TypeScript.
  "typed.tsx": `
    import type { Toolkit, ToolCallMessagePartComponent } from "@assistant-ui/react";
    import type { ModelOutput, Optimizer } from "mcp-optimizer";
    import { type ApprovalInterrupt, assistantUiToolkit } from "mcp-optimizer/assistant-ui";

    const RunCode: ToolCallMessagePartComponent<{ code: string }, ModelOutput> = ({ args, result, interrupt }) => {
      const asked = interrupt?.payload as ApprovalInterrupt | undefined;
      return <p>{args.code} {result?.status} {asked?.approvals.map(({ message }) => message)}</p>;
    };
    export const toolkitOf = (optimizer: Optimizer): Toolkit => assistantUiToolkit(optimizer, RunCode, { session: "chat" });
    // @ts-expect-error An optimizer is no option.
    export const wrong = (optimizer: Optimizer): Toolkit => assistantUiToolkit(optimizer, RunCode, optimizer);
  `,
};

describe("the adaptor for assistant-ui", () => {
  let folder: string;
  let browser: Browser;
  let app: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-assistant-ui-"));
    const readme = await readFile(path.resolve(import.meta.dirname, "../../README.md"), "utf8");
    const example = findBlock(readme, "jsx", "mcp-optimizer/assistant-ui");
    const files = { ...APP, "assistant.jsx": `import { optimizer } from "./optimizer.js";\n${example}` };
    app = await installLocked(
      path.join(folder, "app"),
      files,
      path.join(import.meta.dirname, "locked/assistant-ui"),
    );
    await build({ root: app, configFile: false, logLevel: "error", build: { target: "es2022" } });
    browser = await chromium.launch(chromiumOptions());
  });

  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The page, after its user has said something: a program. */
  async function say(code: string): Promise<{ readonly page: Page } & AsyncDisposable> {
    const pages = await serveFolder(path.join(app, "dist"));
    const page = await browser.newPage();
    await page.goto(pages.url);
    await page.waitForFunction(() => Reflect.has(window, "thread"));
    await page.evaluate((text) => Reflect.get(window, "thread").append(text), code);
    return {
      page,
      async [Symbol.asyncDispose]() {
        await page.close();
        await pages[Symbol.asyncDispose]();
      },
    };
  }

  const heard = (page: Page): Promise<string | null> => page.getByText(/^heard /).textContent();
  const ordered = (page: Page): Promise<unknown> => page.evaluate(() => Reflect.get(window, "ordered"));

  test("has types that the package takes", async () => {
    await checkTypes(app, ["typed.tsx", "main.tsx"]);
  });

  test("runs the README's example: the model hears what the program made of the tools' answers", async () => {
    await using said = await say(SUM);
    expect(await heard(said.page)).toContain('"output":{"status":"returned","value":12}');
    expect(await said.page.locator("output").textContent()).toBe('{"status":"returned","value":12}');
  });

  test.each([
    ["Allow", [{ id: 7 }], '"value":7'],
    ["Deny", [], '"kind":"denied"'],
  ])("interrupts a call that needs a word; the user says %s", async (button, expected, output) => {
    await using said = await say(ORDER);
    const { page } = said;
    await page.getByRole("button", { name: button }).waitFor();
    expect([await page.locator("fieldset p").textContent(), await ordered(page)]).toEqual([
      expect.stringContaining("page.order"),
      [],
    ]);
    await page.getByRole("button", { name: button }).click();
    expect(await heard(page)).toContain(output);
    expect(await ordered(page)).toEqual(expected);
  });

  test("ends the program when the user stops the thread", async () => {
    await using said = await say("return await tools.page.wait()");
    const { page } = said;
    const waits = (count: number): Promise<unknown> =>
      page.waitForFunction((length) => Reflect.get(window, "waits").length === length, count);
    await waits(1);
    await page.evaluate(() => Reflect.get(window, "thread").cancelRun());
    await waits(2);
    expect(await page.evaluate(() => Reflect.get(window, "waits"))).toEqual(["waits", "ended"]);
  });
});
