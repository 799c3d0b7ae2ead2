import OpenAI from "openai";
import { parseJson } from "../../src/base/json.ts";
import { type ChatModel, MAX_REQUESTS, type ModelSettings, plainFetch } from "./chat-model.ts";

/** A conversation by chat completions: OpenAI's own, and what most other endpoints and local servers speak. */
export function openaiModel({ baseUrl, key, model }: ModelSettings): ChatModel {
  const client = new OpenAI({
    baseURL: baseUrl,
    // Local servers want none.
    apiKey: key === "" ? "none" : key,
    maxRetries: 0,
    fetch: plainFetch,
    // It is the visitor's own key, typed into this page by the visitor.
    dangerouslyAllowBrowser: true,
  });
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
