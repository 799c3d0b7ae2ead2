import { AbstractAgent, type BaseEvent, EventType, type RunAgentInput } from "@ag-ui/client";
import { CopilotKitCore } from "@copilotkit/core";
import { from, type Observable } from "rxjs";
import { expect, test } from "vitest";
import { copilotKitTool } from "../../src/adaptors/copilotkit.ts";
import { runReadmeExample } from "./fixtures/readme-example.ts";
import { openShop, SUM } from "./fixtures/tool-engine.ts";

/** An agent over AG-UI that calls the tool once, and then says what it answered. */
class Scripted extends AbstractAgent {
  readonly inputs: RunAgentInput[] = [];
  readonly #code: string;

  constructor(code: string) {
    super({ agentId: "default" });
    this.#code = code;
  }

  override run(input: RunAgentInput): Observable<BaseEvent> {
    this.inputs.push(input);
    const { threadId, runId, messages } = input;
    const last = messages.at(-1);
    const id = crypto.randomUUID();
    const events =
      last?.role === "tool"
        ? [
            { type: EventType.TEXT_MESSAGE_START, messageId: id, role: "assistant" },
            { type: EventType.TEXT_MESSAGE_CONTENT, messageId: id, delta: String(last.content) },
            { type: EventType.TEXT_MESSAGE_END, messageId: id },
          ]
        : [
            { type: EventType.TOOL_CALL_START, toolCallId: id, toolCallName: "run_code" },
            { type: EventType.TOOL_CALL_ARGS, toolCallId: id, delta: JSON.stringify({ code: this.#code }) },
            { type: EventType.TOOL_CALL_END, toolCallId: id },
          ];
    const run = { threadId, runId };
    return from([
      { type: EventType.RUN_STARTED, ...run },
      ...events,
      { type: EventType.RUN_FINISHED, ...run },
    ]);
  }
}

function open(code: string): { readonly agent: Scripted; readonly copilotkit: CopilotKitCore } {
  const agent = new Scripted(code);
  agent.addMessage({ id: "1", role: "user", content: "What do they cost?" });
  return { agent, copilotkit: new CopilotKitCore({ agents__unsafe_dev_only: { default: agent } }) };
}

test("the README's example ends with what the program made of the tools' answers", async () => {
  await using shop = await openShop();
  const { agent, copilotkit } = open(SUM);
  const [content] = await runReadmeExample("copilotkit", { optimizer: shop.engine, agent, copilotkit });
  expect(content).toBe('{"status":"returned","value":12}');
  expect(agent.inputs[0]?.tools).toMatchObject([{ name: "run_code", parameters: { required: ["code"] } }]);
});

test("stopping the agent ends the program", async () => {
  await using shop = await openShop();
  const { agent, copilotkit } = open("return await tools.page.wait()");
  const ends: string[] = [];
  copilotkit.addTool(
    copilotKitTool(shop.engine, {
      onEvent(event) {
        if (event.type === "tool_call") copilotkit.stopAgent({ agent });
        if (event.type === "finished") ends.push(event.result.status);
      },
    }),
  );
  await copilotkit.runAgent({ agent }).catch(() => undefined);
  await expect.poll(() => ends).toEqual(["stopped"]);
});
