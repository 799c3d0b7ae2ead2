import { chat, type StreamChunk } from "@tanstack/ai";
import { BaseTextAdapter } from "@tanstack/ai/adapters";
import { expect, test } from "vitest";
import { tanstackAiTools } from "../../src/adaptors/tanstack-ai.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { tokenIn } from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

type Turn = { readonly call: readonly [name: string, input: object] } | { readonly text: string };

/** A model whose turns are scripted, each from the messages so far as JSON. */
class Scripted extends BaseTextAdapter<
  "scripted",
  Record<string, never>,
  readonly ["text"],
  Record<"text" | "image" | "audio" | "video" | "document", never>
> {
  readonly name = "scripted";
  readonly #turns: readonly ((messages: string) => Turn)[];
  #turn = 0;

  constructor(...turns: readonly ((messages: string) => Turn)[]) {
    super({}, "scripted");
    this.#turns = turns;
  }

  async *chatStream({ messages }: { readonly messages: unknown }): AsyncGenerator<never> {
    const turn = this.#turns[this.#turn]?.(JSON.stringify(messages)) ?? { text: JSON.stringify(messages) };
    this.#turn += 1;
    const run = { runId: `run-${this.#turn}`, threadId: "thread", timestamp: 0, model: "scripted" };
    const id = crypto.randomUUID();
    const events =
      "call" in turn
        ? [
            {
              type: "TOOL_CALL_START",
              toolCallId: id,
              toolCallName: turn.call[0],
              toolName: turn.call[0],
              index: 0,
            },
            { type: "TOOL_CALL_ARGS", toolCallId: id, delta: JSON.stringify(turn.call[1]) },
            { type: "TOOL_CALL_END", toolCallId: id, toolCallName: turn.call[0], input: turn.call[1] },
          ]
        : [
            { type: "TEXT_MESSAGE_START", messageId: id, role: "assistant" },
            { type: "TEXT_MESSAGE_CONTENT", messageId: id, delta: turn.text },
            { type: "TEXT_MESSAGE_END", messageId: id },
          ];
    const finishReason = "call" in turn ? "tool_calls" : "stop";
    for (const event of [{ type: "RUN_STARTED" }, ...events, { type: "RUN_FINISHED", finishReason }]) {
      yield { ...run, ...event } as never;
    }
  }

  async structuredOutput(): Promise<never> {
    throw new Error("The script has no structured output.");
  }
}

const runCode = (code: string) => (): Turn => ({ call: ["run_code", { code }] });
const resume = (messages: string): Turn => ({ call: ["resume_run", { resume: tokenIn(messages) }] });

async function collect(stream: AsyncIterable<StreamChunk>): Promise<readonly Record<string, unknown>[]> {
  const chunks: Record<string, unknown>[] = [];
  for await (const chunk of stream) chunks.push({ ...chunk });
  return chunks;
}

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  const adapter = new Scripted(runCode(SUM));
  const [text] = await runReadmeExample("tanstack-ai", { optimizer: shop.engine, adapter });
  expect(String(text).replaceAll("\\", "")).toContain('{"status":"returned","value":12}');
});

test.for([
  [true, [{ id: 7 }], '"value":7'],
  [false, [], "User declined"],
] as const)(
  "a call that needs a word waits for the user's approval; the answer is %s",
  async ([approved, ordered, text]) => {
    await using shop = await openShop();
    const adapter = new Scripted(runCode(ORDER), resume);
    const tools = tanstackAiTools(shop.engine);
    const messages = [{ role: "user" as const, content: "Order it." }];
    const before = await collect(chat({ adapter, tools, messages }));
    const [waiting] = await shop.engine.suspended();
    const input = { resume: waiting?.resume };
    expect(JSON.stringify(before)).toContain("approval_");
    expect(shop.ordered).toEqual([]);
    const asked = before.find(
      ({ type, toolCallName }) => type === "TOOL_CALL_START" && toolCallName === "resume_run",
    );
    const id = String(asked?.["toolCallId"]);
    const after = await collect(
      chat({
        adapter,
        tools,
        messages: [
          { id: "1", role: "user", parts: [{ type: "text", content: "Order it." }] },
          {
            id: "2",
            role: "assistant",
            parts: [
              {
                type: "tool-call",
                id,
                name: "resume_run",
                arguments: JSON.stringify(input),
                state: "approval-responded",
                approval: { id: `approval_${id}`, needsApproval: true, approved },
              },
            ],
          },
        ],
      }),
    );
    expect(shop.ordered).toEqual(ordered);
    if (approved) expect(JSON.stringify(after).replaceAll("\\", "")).toContain(text);
  },
);

test("the calls of a program are custom events, and aborting ends it", async () => {
  await using shop = await openShop();
  const abortController = new AbortController();
  const ends: string[] = [];
  const chunks = await collect(
    chat({
      adapter: new Scripted(runCode("await tools.page.price({ id: 1 }); return await tools.page.wait()")),
      tools: tanstackAiTools(shop.engine, {
        onEvent(event) {
          if (event.type === "tool_call" && event.name === "page.wait")
            setTimeout(() => abortController.abort(), 50);
          if (event.type === "finished") ends.push(event.result.status);
        },
      }),
      messages: [{ role: "user", content: "Wait." }],
      abortController,
    }),
  ).catch((error: unknown) => [{ error: String(error) }]);
  await expect.poll(() => ends).toEqual(["stopped"]);
  expect(JSON.stringify(chunks)).toContain('"call":"page.price"');
});
