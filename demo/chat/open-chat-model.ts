import type { ChatModel, ModelSettings } from "./chat-model.ts";

/** Opens a conversation. The endpoint's client is loaded with its first use. */
export async function openChatModel(settings: ModelSettings): Promise<ChatModel> {
  if (settings.api === "anthropic") {
    const { anthropicModel } = await import("./anthropic-model.ts");
    return anthropicModel(settings);
  }
  const { openaiModel } = await import("./openai-model.ts");
  return openaiModel(settings);
}
