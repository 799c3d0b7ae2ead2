import { generateText, isStepCount, type ModelMessage, streamText } from "ai";
import { expect, test } from "vitest";
import { aiSdkTools } from "../../src/adaptors/ai-sdk.ts";
import { call, script } from "./fixtures/mock-model.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { tokenIn } from "./fixtures/scripted-endpoint.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

const PROMPT = "Do it.";

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  const model = script(() => call("run_code", { code: SUM }));
  const [text] = await runReadmeExample("ai-sdk", { optimizer: shop.engine, model });
  expect(text).toContain('{"status":"returned","value":12}');
});

test("the calls of a program are preliminary results of a stream", async () => {
  await using shop = await openShop();
  const { fullStream } = streamText({
    model: script(() =>
      call("run_code", {
        code: "await tools.page.price({ id: 1 }); return (await tools.page.price({ id: 2 })).price",
      }),
    ),
    tools: aiSdkTools(shop.engine),
    prompt: PROMPT,
  });
  const results: unknown[] = [];
  for await (const part of fullStream)
    if (part.type === "tool-result") results.push([part.preliminary, part.output]);
  expect(results).toEqual([
    [true, { status: "running", calls: ["page.price"] }],
    [true, { status: "running", calls: ["page.price", "page.price"] }],
    [true, { status: "returned", value: 4 }],
    [undefined, { status: "returned", value: 4 }],
  ]);
});

test("a call that needs a word is an approval request, and the user's answer lets the program go on", async () => {
  await using shop = await openShop();
  const tools = aiSdkTools(shop.engine);
  const model = script(
    () => call("run_code", { code: ORDER }),
    (last) => call("resume_run", { resume: tokenIn(last) }),
  );
  const messages: ModelMessage[] = [{ role: "user", content: PROMPT }];
  const before = await generateText({ model, tools, stopWhen: isStepCount(5), messages });
  const [request] = before.content.filter(({ type }) => type === "tool-approval-request");
  if (request?.type !== "tool-approval-request") expect.fail("nobody was asked");
  const [waiting] = await shop.engine.suspended();
  expect([request.toolCall.toolName, request.toolCall.input, shop.ordered]).toEqual([
    "resume_run",
    { resume: waiting?.resume },
    [],
  ]);
  expect(waiting?.approvals).toMatchObject([{ tool: "page.order", args: { id: 7 } }]);

  messages.push(...before.response.messages, {
    role: "tool",
    content: [{ type: "tool-approval-response", approvalId: request.approvalId, approved: true }],
  });
  const after = await generateText({ model, tools, stopWhen: isStepCount(5), messages });
  expect(after.text).toContain('{"status":"returned","value":7}');
  expect(shop.ordered).toEqual([{ id: 7 }]);
});

test("a user's no leaves the program where it is", async () => {
  await using shop = await openShop();
  const tools = aiSdkTools(shop.engine);
  const model = script(
    () => call("run_code", { code: ORDER }),
    (last) => call("resume_run", { resume: tokenIn(last) }),
  );
  const messages: ModelMessage[] = [{ role: "user", content: PROMPT }];
  const before = await generateText({ model, tools, stopWhen: isStepCount(5), messages });
  const [request] = before.content.filter(({ type }) => type === "tool-approval-request");
  if (request?.type !== "tool-approval-request") expect.fail("nobody was asked");
  messages.push(...before.response.messages, {
    role: "tool",
    content: [{ type: "tool-approval-response", approvalId: request.approvalId, approved: false }],
  });
  await generateText({ model, tools, stopWhen: isStepCount(5), messages });
  expect([shop.ordered, (await shop.engine.suspended()).length]).toEqual([[], 1]);
});

test("a model that wants to approve for itself is refused, also where the SDK would let it", async () => {
  await using shop = await openShop();
  const { text } = await generateText({
    model: script(
      () => call("run_code", { code: ORDER }),
      (last) => call("resume_run", { resume: tokenIn(last) }),
    ),
    tools: aiSdkTools(shop.engine),
    toolApproval: () => "not-applicable",
    stopWhen: isStepCount(5),
    prompt: PROMPT,
  });
  expect(text).toContain("approval_required");
  expect(shop.ordered).toEqual([]);
});

test("aborting the loop ends the program", async () => {
  await using shop = await openShop();
  const ending = new AbortController();
  const events: string[] = [];
  const generating = generateText({
    model: script(() => call("run_code", { code: "return await tools.page.wait()" })),
    tools: aiSdkTools(shop.engine, {
      onEvent(event) {
        events.push(event.type === "finished" ? event.result.status : event.type);
        if (event.type === "tool_call") ending.abort();
      },
    }),
    abortSignal: ending.signal,
    prompt: PROMPT,
  });
  expect((await generating).toolResults).toMatchObject([
    { output: { status: "stopped", reason: "cancelled" } },
  ]);
  expect(events.at(-1)).toBe("stopped");
});
