import OpenAI from "openai";
import { parseJson } from "../../src/base/json.ts";
import { type ChatModel, clientOptions, MAX_REQUESTS, type ModelSettings } from "./chat-model.ts";

/** A conversation by chat completions: OpenAI's own, and what most other endpoints and local servers speak. */
export function openaiModel(settings: ModelSettings): ChatModel {
  const { model } = settings;
  const client = new OpenAI(clientOptions(settings));
  let history: OpenAI.ChatCompletionMessageParam[] = [];
  return {
    async say({ text, system, tool, onText, onUsage, signal }) {
      const before: OpenAI.ChatCompletionMessageParam[] = [...history, { role: "user", content: text }];
      const runner = client.chat.completions.runTools(
        {
          model,
          messages: [{ role: "system", content: system }, ...before],
          stream: true,
          stream_options: { include_usage: true },
          tools: [
            {
              type: "function",
              function: {
                name: tool.name,
                description: tool.description,
                parameters: tool.inputSchema,
                function: (input: string) => tool.execute(parseJson(input), { signal }),
              },
            },
          ],
        },
        { signal, maxChatCompletions: MAX_REQUESTS },
      );
      runner.on("content", (piece) => onText(piece));
      runner.on("chatCompletion", ({ usage }) => {
        if (usage) onUsage(usage.prompt_tokens, usage.completion_tokens);
      });
      await runner.done();
      history = runner.messages.filter(({ role }) => role !== "system");
    },
  };
}
