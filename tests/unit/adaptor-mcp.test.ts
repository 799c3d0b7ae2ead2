import { createMCPClient } from "@ai-sdk/mcp";
import { Client, type ElicitResult } from "@modelcontextprotocol/client";
import { generateText, isStepCount } from "ai";
import { expect, test } from "vitest";
import { messagePortTransport, serveMcp } from "../../src/adaptors/mcp.ts";
import { call, script } from "./fixtures/mock-model.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { ORDER, openShop, SUM } from "./fixtures/tool-engine.ts";

const createClient = (options: ConstructorParameters<typeof Client>[1] = {}): Client =>
  new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" }, ...options });

test("the README's client gets what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  const client = createClient();
  const [result] = await runReadmeExample("mcp", { optimizer: shop.engine, client, code: SUM });
  expect(result).toMatchObject({ content: [{ type: "text", text: '{"status":"returned","value":12}' }] });
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(["run_code", "search_tools"]);
  await client.close();
});

test("an agent over another MCP client ends with the right answer", async () => {
  await using shop = await openShop();
  const { port1, port2 } = new MessageChannel();
  await using _served = await serveMcp(shop.engine, port1);
  const client = await createMCPClient({ transport: messagePortTransport(port2) });
  const { text } = await generateText({
    model: script(() => call("run_code", { code: SUM })),
    tools: await client.tools(),
    stopWhen: isStepCount(5),
    prompt: "What do they cost?",
  });
  expect(text).toContain('\\"value\\":12');
  await client.close();
});

test.for([
  ["a yes", { action: "accept", content: { allow: true } }, [{ id: 7 }], '"status":"returned","value":7'],
  ["a no", { action: "accept", content: { allow: false } }, [], '"kind":"denied"'],
  ["a closed dialog", { action: "cancel" }, [], '"kind":"denied"'],
] as const)("a call that needs a word is elicited: %s", async ([, answer, ordered, expected]) => {
  await using shop = await openShop();
  const { port1, port2 } = new MessageChannel();
  await using _served = await serveMcp(shop.engine, port1);
  const client = createClient({ capabilities: { elicitation: { form: {} } } });
  const asked: string[] = [];
  client.setRequestHandler("elicitation/create", async ({ params }): Promise<ElicitResult> => {
    asked.push(params.message);
    return { ...answer };
  });
  await client.connect(messagePortTransport(port2));
  const { content } = await client.callTool({ name: "run_code", arguments: { code: ORDER } });
  expect(JSON.stringify(content).replaceAll("\\", "")).toContain(expected);
  expect([asked.length, asked[0]?.includes('page.order({"id":7})'), shop.ordered]).toEqual([
    1,
    true,
    ordered,
  ]);
  await client.close();
});

test("a client that asks nobody hears that a person has to decide", async () => {
  await using shop = await openShop();
  const { port1, port2 } = new MessageChannel();
  await using _served = await serveMcp(shop.engine, port1);
  const client = createClient();
  await client.connect(messagePortTransport(port2));
  const { content } = await client.callTool({ name: "run_code", arguments: { code: ORDER } });
  expect(JSON.stringify(content)).toContain("A person has to decide");
  expect(shop.ordered).toEqual([]);
  await client.close();
});

test("progress tells of each call, and cancelling ends the program", async () => {
  await using shop = await openShop();
  const { port1, port2 } = new MessageChannel();
  const ends: string[] = [];
  await using _served = await serveMcp(shop.engine, port1, {
    onEvent: (event) => void (event.type === "finished" && ends.push(event.result.status)),
  });
  const client = createClient();
  await client.connect(messagePortTransport(port2));
  const ending = new AbortController();
  const heard: unknown[] = [];
  const code = "await tools.page.price({ id: 1 }); return await tools.page.wait()";
  await expect(
    client.callTool(
      { name: "run_code", arguments: { code } },
      {
        signal: ending.signal,
        onprogress: ({ message }) => {
          if (heard.push(message) === 2) ending.abort();
        },
      },
    ),
  ).rejects.toThrow();
  await expect.poll(() => ends).toEqual(["stopped"]);
  expect(heard).toEqual(["calls page.price", "calls page.wait"]);
  await client.close();
});

test("what is no message is dropped, and the next one is answered", async () => {
  await using shop = await openShop();
  const { port1, port2 } = new MessageChannel();
  await using _served = await serveMcp(shop.engine, port1);
  for (const data of [null, 1, "{}", [], { jsonrpc: "1.0" }, { method: {} }]) port2.postMessage(data);
  const client = createClient();
  await client.connect(messagePortTransport(port2));
  expect((await client.listTools()).tools).toHaveLength(2);
  await client.close();
});
