import OpenAI from "openai";
import { expect, test } from "vitest";
import { openaiTools } from "../../src/adaptors/openai.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { openScriptedEndpoint, responsesCall, responsesText } from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

test("the README's loop over the Responses API ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  await using endpoint = await openScriptedEndpoint(
    () => responsesCall("run_code", { code: SUM }),
    (body) => responsesText(/\\"value\\":12/.test(body) ? "12 in all" : body),
  );
  const client = new OpenAI({ apiKey: "none", baseURL: endpoint.url, maxRetries: 0 });
  expect(await runReadmeExample("openai", { optimizer: shop.engine, client })).toEqual(["12 in all"]);
  expect(endpoint.requests[0]).toMatchObject({
    tools: [{ type: "function", name: "run_code", parameters: { required: ["code"] } }],
  });
});

test.for([
  ["what is no JSON", "{", /"status":"threw".*"kind":"invalid_request"/],
  ["a call that needs a word", JSON.stringify({ code: ORDER }), /"status":"suspended"/],
] as const)("%s is answered, and does nothing", async ([, input, output]) => {
  await using shop = await openShop();
  const item = await openaiTools(shop.engine).call({ call_id: "1", arguments: input });
  expect(item).toEqual({ type: "function_call_output", call_id: "1", output: expect.stringMatching(output) });
  expect(shop.ordered).toEqual([]);
});

test("aborting ends the program", async () => {
  await using shop = await openShop();
  const { output } = await openaiTools(shop.engine).call(
    { call_id: "1", arguments: JSON.stringify({ code: "return await tools.page.wait()" }) },
    { signal: AbortSignal.timeout(100) },
  );
  expect(output).toContain('"reason":"cancelled"');
});
