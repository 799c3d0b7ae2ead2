import {
  acceptedContent,
  completable,
  inputRequired,
  type McpServer,
  type PromptMessage,
} from "@modelcontextprotocol/server";
import * as z from "zod/v4";
import { PNG } from "./content.ts";

const WORDS = ["test", "testing", "tested"];

/** Prompts with and without arguments, and one that asks for more. */
export function registerPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "A prompt" }, () => ({
    messages: [says("This is a simple prompt for testing.")],
  }));
  server.registerPrompt(
    "test_prompt_with_arguments",
    {
      description: "A prompt with two arguments",
      argsSchema: z.object({
        arg1: completable(z.string().describe("First argument"), (start) =>
          WORDS.filter((word) => word.startsWith(start)),
        ),
        arg2: z.string().describe("Second argument"),
      }),
    },
    ({ arg1, arg2 }) => ({ messages: [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  );
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    {
      description: "A prompt with a resource",
      argsSchema: z.object({ resourceUri: z.string().describe("The resource") }),
    },
    ({ resourceUri }) => ({
      messages: [
        {
          role: "user",
          content: {
            type: "resource",
            resource: {
              uri: resourceUri,
              mimeType: "text/plain",
              text: "Embedded resource content for testing.",
            },
          },
        },
        says("Please process the embedded resource above."),
      ],
    }),
  );
  server.registerPrompt("test_prompt_with_image", { description: "A prompt with an image" }, () => ({
    messages: [
      { role: "user", content: { type: "image", data: PNG, mimeType: "image/png" } },
      says("Please analyze the image above."),
    ],
  }));
  server.registerPrompt(
    "test_input_required_result_prompt",
    { description: "A prompt that asks what it is for" },
    ({ mcpReq }) => {
      const requestedSchema = z.object({ context: z.string() });
      const answer = acceptedContent(mcpReq.inputResponses, "user_context", requestedSchema);
      if (answer !== undefined) return { messages: [says(`For ${answer.context}.`)] };
      const message = "What context should the prompt use?";
      return inputRequired({
        inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema }) },
      });
    },
  );
}

function says(text: string): PromptMessage {
  return { role: "user", content: { type: "text", text } };
}
