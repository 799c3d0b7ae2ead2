import Anthropic from "@anthropic-ai/sdk";
import type { BetaMessageParam } from "@anthropic-ai/sdk/resources/beta";
import { anthropicTool } from "../../src/adaptors/anthropic.ts";
import { type ChatModel, clientOptions, MAX_REQUESTS, type ModelSettings } from "./chat-model.ts";

/** Longest answer of one request. Tokens. */
const MAX_TOKENS = 8_000;

/** A conversation by Anthropic's Messages API. */
export function anthropicModel(settings: ModelSettings): ChatModel {
  const { model } = settings;
  const client = new Anthropic(clientOptions(settings));
  let history: BetaMessageParam[] = [];
  return {
    async say({ text, system, tool, onText, onUsage, signal }) {
      const runner = client.beta.messages.toolRunner(
        {
          model,
          max_tokens: MAX_TOKENS,
          max_iterations: MAX_REQUESTS,
          system,
          messages: [...history, { role: "user", content: text }],
          tools: [anthropicTool({ tool })],
          stream: true,
          // Endpoints that only speak the API get the whole conversation each time.
          thread: false,
        },
        { signal },
      );
      for await (const stream of runner) {
        stream.on("text", (piece) => onText(piece));
        const { usage } = await stream.finalMessage();
        onUsage(usage.input_tokens, usage.output_tokens);
      }
      signal.throwIfAborted();
      history = [...runner.params.messages];
      const { role, content } = await runner.done();
      if (history.at(-1)?.role !== "assistant") history.push({ role, content });
    },
  };
}
