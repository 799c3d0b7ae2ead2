import { Agent, OpenAIResponsesModel, RunContext, run, setTracingDisabled } from "@openai/agents";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { openaiAgentsTools } from "../../src/adaptors/openai-agents.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import {
  openScriptedEndpoint,
  responsesCall,
  responsesText,
  type ScriptedEndpoint,
  tokenIn,
} from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

setTracingDisabled(true);

const modelAt = ({ url }: ScriptedEndpoint): OpenAIResponsesModel =>
  new OpenAIResponsesModel(new OpenAI({ apiKey: "none", baseURL: url, maxRetries: 0 }), "scripted");

/** What the last tool answered, as the model says it. */
const echo = (body: string): object => responsesText(body.slice(body.lastIndexOf("function_call_output")));

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(() => responsesCall("run_code", { code: SUM }), echo);
  const [text] = await runReadmeExample("openai-agents", {
    optimizer: shop.engine,
    model: modelAt(endpoint),
  });
  expect(text).toContain('\\"value\\":12');
});

test.for([
  [true, [{ id: 7 }], '\\"value\\":7'],
  [false, [], "not approved"],
] as const)(
  "a call that needs a word interrupts the run; the answer is %s",
  async ([approved, ordered, expected]) => {
    await using shop = await openShop();
    await using endpoint = await openScriptedEndpoint(
      () => responsesCall("run_code", { code: ORDER }),
      (body) => responsesCall("resume_run", { resume: tokenIn(body) }),
      echo,
    );
    const agent = new Agent({
      name: "shop",
      model: modelAt(endpoint),
      tools: openaiAgentsTools(shop.engine),
    });
    const before = await run(agent, "Order it.");
    const [waiting] = await shop.engine.suspended();
    const [interruption] = before.interruptions;
    if (interruption === undefined) expect.fail("nobody was asked");
    expect([interruption.name, interruption.arguments, shop.ordered]).toEqual([
      "resume_run",
      JSON.stringify({ resume: waiting?.resume }),
      [],
    ]);
    if (approved) before.state.approve(interruption);
    else before.state.reject(interruption);
    expect((await run(agent, before.state)).finalOutput).toContain(expected);
    expect(shop.ordered).toEqual(ordered);
  },
);

test("what calls the tool without an approval is refused", async () => {
  await using shop = await openShop();
  const [runCode, resumeRun] = openaiAgentsTools(shop.engine);
  const context = new RunContext();
  if (runCode?.type !== "function" || resumeRun?.type !== "function") expect.fail("no functions");
  const suspended = JSON.stringify(await runCode.invoke(context, JSON.stringify({ code: ORDER })));
  const output = await resumeRun.invoke(context, JSON.stringify({ resume: tokenIn(suspended) }));
  expect(output).toMatchObject({ error: { kind: "approval_required" } });
  expect(shop.ordered).toEqual([]);
});

test("aborting the run ends the program", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(() =>
    responsesCall("run_code", { code: "return await tools.page.wait()" }),
  );
  const ending = new AbortController();
  const ends: string[] = [];
  const tools = openaiAgentsTools(shop.engine, {
    onEvent(event) {
      if (event.type === "tool_call") ending.abort();
      if (event.type === "finished") ends.push(event.result.status);
    },
  });
  const agent = new Agent({ name: "shop", model: modelAt(endpoint), tools });
  await run(agent, "Wait.", { signal: ending.signal }).catch(() => undefined);
  await expect.poll(() => ends).toEqual(["stopped"]);
});
