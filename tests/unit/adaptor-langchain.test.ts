import { AIMessage, type BaseMessage } from "@langchain/core/messages";
import { Command, MemorySaver } from "@langchain/langgraph";
import { createAgent, fakeModel } from "langchain";
import { expect, test } from "vitest";
import { langchainTools } from "../../src/adaptors/langchain.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { tokenIn } from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

const call = (name: string, args: Record<string, unknown>): AIMessage =>
  new AIMessage({ content: "", tool_calls: [{ name, args, id: crypto.randomUUID(), type: "tool_call" }] });
const textOf = (messages: readonly BaseMessage[]): string => messages.at(-1)?.text ?? "";
const echo = (messages: BaseMessage[]): AIMessage => new AIMessage(textOf(messages));

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  const model = fakeModel()
    .respond(call("run_code", { code: SUM }))
    .respond(echo);
  expect(await runReadmeExample("langchain", { optimizer: shop.engine, model })).toEqual([
    '{"status":"returned","value":12}',
  ]);
});

test.for([
  [true, [{ id: 7 }], '{"status":"returned","value":7}'],
  [false, [], '"kind":"denied"'],
] as const)(
  "a call that needs a word interrupts the graph; the answer is %s",
  async ([allow, ordered, text]) => {
    await using shop = await openShop();
    const agent = createAgent({
      model: fakeModel()
        .respond(call("run_code", { code: ORDER }))
        .respond((messages) => call("resume_run", { resume: tokenIn(textOf(messages)) }))
        .respond(echo),
      tools: langchainTools(shop.engine),
      checkpointer: new MemorySaver(),
    });
    const config = { configurable: { thread_id: "1" } };
    const before = await agent.invoke({ messages: [{ role: "user", content: "Order it." }] }, config);
    const [waiting] = await shop.engine.suspended();
    expect(before).toMatchObject({ __interrupt__: [{ value: { approvals: waiting?.approvals } }] });
    expect(shop.ordered).toEqual([]);
    const decisions = Object.fromEntries(waiting?.approvals.map(({ id }) => [id, { allow }]) ?? []);
    const after = await agent.invoke(new Command({ resume: decisions }), config);
    expect(textOf(after.messages)).toContain(text);
    expect(shop.ordered).toEqual(ordered);
  },
);

test("without a checkpointer nothing goes on", async () => {
  await using shop = await openShop();
  const agent = createAgent({
    model: fakeModel()
      .respond(call("run_code", { code: ORDER }))
      .respond((messages) => call("resume_run", { resume: tokenIn(textOf(messages)) }))
      .respond(echo),
    tools: langchainTools(shop.engine),
  });
  await agent.invoke({ messages: [{ role: "user", content: "Order it." }] }).catch(() => undefined);
  expect([shop.ordered, (await shop.engine.suspended()).length]).toEqual([[], 1]);
});

test("the calls of a program are streamed, and aborting ends it", async () => {
  await using shop = await openShop();
  const ending = new AbortController();
  const ends: string[] = [];
  const agent = createAgent({
    model: fakeModel().respond(
      call("run_code", { code: "await tools.page.price({ id: 1 }); return await tools.page.wait()" }),
    ),
    tools: langchainTools(shop.engine, {
      onEvent: (event) => void (event.type === "finished" && ends.push(event.result.status)),
    }),
  });
  const heard: unknown[] = [];
  const stream = await agent.stream(
    { messages: [{ role: "user", content: "Wait." }] },
    { streamMode: "custom", signal: ending.signal },
  );
  try {
    for await (const event of stream) if (heard.push(event) === 2) ending.abort();
  } catch {
    // The stream ends with the abort.
  }
  await expect.poll(() => ends).toEqual(["stopped"]);
  expect(heard).toEqual([{ call: "page.price" }, { call: "page.wait" }]);
});
