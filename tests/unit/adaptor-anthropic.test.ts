import Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "vitest";
import { anthropicTool } from "../../src/adaptors/anthropic.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { openScriptedEndpoint, type ScriptedEndpoint } from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

const clientOf = ({ url }: ScriptedEndpoint): Anthropic =>
  new Anthropic({ apiKey: "none", baseURL: url, maxRetries: 0 });

const message = (stop: string, block: object): object => ({
  id: `msg_${crypto.randomUUID()}`,
  type: "message",
  role: "assistant",
  model: "scripted",
  content: [block],
  stop_reason: stop,
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
});
const call = (input: object) => () =>
  message("tool_use", { type: "tool_use", id: `toolu_${crypto.randomUUID()}`, name: "run_code", input });
const echo = (body: string): object =>
  message("end_turn", { type: "text", text: body.slice(body.lastIndexOf("tool_result")) });

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(call({ code: SUM }), echo);
  const [content] = await runReadmeExample("anthropic", {
    optimizer: shop.engine,
    client: clientOf(endpoint),
  });
  expect(JSON.stringify(content)).toContain('\\\\\\"value\\\\\\":12');
  expect(endpoint.requests[0]).toMatchObject({
    tools: [{ name: "run_code", input_schema: { required: ["code"] } }],
  });
});

test("a call that needs a word is suspended, and the model hears that a person has to decide", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(call({ code: ORDER }), echo);
  const { content } = await clientOf(endpoint).beta.messages.toolRunner({
    model: "scripted",
    max_tokens: 100,
    messages: [{ role: "user", content: "Order it." }],
    tools: [anthropicTool(shop.engine)],
  });
  expect(JSON.stringify(content)).toContain("A person has to decide");
  expect([shop.ordered, (await shop.engine.suspended()).length]).toEqual([[], 1]);
});

test("aborting the runner ends the program", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(call({ code: "return await tools.page.wait()" }), echo);
  const ending = new AbortController();
  const ends: string[] = [];
  const tool = anthropicTool(shop.engine, {
    onEvent(event) {
      if (event.type === "tool_call") ending.abort();
      if (event.type === "finished") ends.push(event.result.status);
    },
  });
  const runner = clientOf(endpoint).beta.messages.toolRunner(
    { model: "scripted", max_tokens: 100, messages: [{ role: "user", content: "Wait." }], tools: [tool] },
    { signal: ending.signal },
  );
  await runner.runUntilDone().catch(() => undefined);
  expect(ends).toEqual(["stopped"]);
});
