import { setTimeout as pause } from "node:timers/promises";
import type { CallToolResult, ContentBlock, McpServer, ServerEventBus } from "@modelcontextprotocol/server";
import { PNG, WAV } from "./content.ts";

const STEP_MS = 50;

/** Tools that answer by themselves. */
export function registerTools(server: McpServer, bus: ServerEventBus): void {
  const answer = (name: string, description: string, ...content: readonly ContentBlock[]) =>
    server.registerTool(name, { description }, () => ({ content: [...content] }));

  answer("test_simple_text", "Answers with text", text("This is a simple text response for testing."));
  answer("test_image_content", "Answers with an image", image());
  answer("test_audio_content", "Answers with audio", { type: "audio", data: WAV, mimeType: "audio/wav" });
  answer(
    "test_embedded_resource",
    "Answers with a resource",
    resource("test://embedded-resource", "text/plain", "This is an embedded resource content."),
  );
  answer(
    "test_multiple_content_types",
    "Answers with text, an image and a resource",
    text("Multiple content types test:"),
    image(),
    resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
  );

  server.registerTool("test_error_handling", { description: "Always fails" }, () => {
    throw new Error("This tool intentionally returns an error for testing");
  });

  server.registerTool(
    "test_tool_with_logging",
    { description: "Logs while it works" },
    async ({ mcpReq }): Promise<CallToolResult> => {
      await mcpReq.log("info", "Tool execution started");
      await pause(STEP_MS);
      await mcpReq.log("info", "Tool processing data");
      await pause(STEP_MS);
      await mcpReq.log("info", "Tool execution completed");
      return { content: [text("Logged three times.")] };
    },
  );
  server.registerTool(
    "test_logging_tool",
    { description: "Logs once" },
    async ({ mcpReq }): Promise<CallToolResult> => {
      await mcpReq.log("info", "Logging for whoever asked for it");
      return { content: [text("Logged once.")] };
    },
  );

  server.registerTool(
    "test_tool_with_progress",
    { description: "Reports its progress" },
    async ({ mcpReq }): Promise<CallToolResult> => {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await pause(STEP_MS);
        if (progressToken === undefined) continue;
        const params = { progressToken, progress, total: 100 };
        await mcpReq.notify({ method: "notifications/progress", params });
      }
      return { content: [text("Reported three times.")] };
    },
  );

  server.registerTool("test_trigger_tool_change", { description: "Says that the tools changed" }, () => {
    bus.publish({ kind: "tools_list_changed" });
    return { content: [text("Told.")] };
  });
  server.registerTool("test_trigger_prompt_change", { description: "Says that the prompts changed" }, () => {
    bus.publish({ kind: "prompts_list_changed" });
    return { content: [text("Told.")] };
  });
}

function text(words: string): ContentBlock {
  return { type: "text", text: words };
}

function image(): ContentBlock {
  return { type: "image", data: PNG, mimeType: "image/png" };
}

function resource(uri: string, mimeType: string, words: string): ContentBlock {
  return { type: "resource", resource: { uri, mimeType, text: words } };
}
