import {
  acceptedContent,
  type CallToolResult,
  type ElicitRequestFormParams,
  type InputRequests,
  inputRequired,
  inputResponse,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as z from "zod/v4";

type Form = ElicitRequestFormParams["requestedSchema"];

/**
 * Tools that ask their client for something before they answer.
 *
 * They return what they ask for. In 2026-07-28 the client calls again with it; for clients of 2025 the SDK
 * sends the requests on the call's stream.
 */
export function registerInputTools(server: McpServer, state: RequestStateCodec<unknown>): void {
  registerQuestions(server);
  registerForms(server);
  registerStatefulTools(server, state);
}

/** Tools that ask once and answer with what they heard. */
function registerQuestions(server: McpServer): void {
  const prompt = { description: "Asks the client's model", inputSchema: z.object({ prompt: z.string() }) };
  server.registerTool("test_sampling", prompt, ({ prompt: words }, { mcpReq }) => {
    const heard = inputResponse(mcpReq.inputResponses, "answer");
    if (heard.kind === "sampling") return text(`LLM response: ${JSON.stringify(heard.result.content)}`);
    return inputRequired({ inputRequests: { answer: sample(words, 100) } });
  });
  server.registerTool("test_missing_capability", { description: "Needs the client's model" }, () =>
    inputRequired({ inputRequests: { answer: sample("Never sent to a client without a model", 10) } }),
  );
  server.registerTool(
    "test_input_required_result_sampling",
    { description: "Asks the client's model for a capital" },
    ({ mcpReq }) => {
      const heard = inputResponse(mcpReq.inputResponses, "capital_question");
      if (heard.kind === "sampling") return text(JSON.stringify(heard.result.content));
      return inputRequired({
        inputRequests: { capital_question: sample("What is the capital of France?", 100) },
      });
    },
  );
  server.registerTool(
    "test_input_required_result_list_roots",
    { description: "Asks for the client's roots" },
    ({ mcpReq }) => {
      const heard = inputResponse(mcpReq.inputResponses, "client_roots");
      if (heard.kind === "roots") return text(heard.roots.map(({ uri }) => uri).join(" "));
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    },
  );
  const named = { description: "Asks for a name" };
  const askForName = ({ mcpReq }: ServerContext) => {
    const answer = acceptedContent(mcpReq.inputResponses, "user_name", NAME);
    if (answer !== undefined) return text(`Hello, ${answer.name}!`);
    return inputRequired({ inputRequests: { user_name: elicit("What is your name?", NAME) } });
  };
  server.registerTool("test_input_required_result_elicitation", named, askForName);
  server.registerTool("test_streaming_elicitation", named, askForName);
  server.registerTool(
    "test_input_required_result_capabilities",
    { description: "Asks for what the client can give" },
    ({ mcpReq }) => {
      // The typed one of two ways: of the request's own envelope the SDK exports no fields.
      const can = server.server.getClientCapabilities() ?? {};
      const inputRequests: InputRequests = {};
      if (can.sampling !== undefined) inputRequests["greeting"] = sample("Generate a greeting", 50);
      if (can.elicitation !== undefined) inputRequests["user_name"] = elicit("What is your name?", NAME);
      const nothingToAsk = Object.keys(inputRequests).length === 0 || mcpReq.inputResponses !== undefined;
      return nothingToAsk ? text("Nothing more to ask.") : inputRequired({ inputRequests });
    },
  );
}

/** Tools that show a form and answer with what was filled in. */
function registerForms(server: McpServer): void {
  const message = { description: "Asks the user", inputSchema: z.object({ message: z.string() }) };
  server.registerTool("test_elicitation", message, ({ message: words }, context) =>
    fillIn(context, "User response", words, {
      type: "object",
      properties: {
        username: { type: "string", description: "User's response" },
        email: { type: "string", description: "User's email address" },
      },
      required: ["username", "email"],
    }),
  );
  server.registerTool(
    "test_elicitation_sep1034_defaults",
    { description: "Shows a form with defaults" },
    (context) =>
      fillIn(context, "Elicitation completed", "Look at the defaults", {
        type: "object",
        properties: {
          name: { type: "string", default: "John Doe" },
          age: { type: "integer", default: 30 },
          score: { type: "number", default: 95.5 },
          status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
          verified: { type: "boolean", default: true },
        },
      }),
  );
  const options = ["option1", "option2", "option3"];
  const titled = ["First", "Second", "Third"].map((title, at) => ({ const: `value${at + 1}`, title }));
  server.registerTool(
    "test_elicitation_sep1330_enums",
    { description: "Shows a form with every kind of choice" },
    (context) =>
      fillIn(context, "Elicitation completed", "Choose", {
        type: "object",
        properties: {
          untitledSingle: { type: "string", enum: options },
          titledSingle: { type: "string", oneOf: titled },
          legacyEnum: {
            type: "string",
            enum: ["opt1", "opt2", "opt3"],
            enumNames: ["Option One", "Option Two", "Option Three"],
          },
          untitledMulti: { type: "array", items: { type: "string", enum: options } },
          titledMulti: { type: "array", items: { anyOf: titled } },
        },
      }),
  );
}

/** Tools that remember by `requestState` what they asked. */
function registerStatefulTools(server: McpServer, state: RequestStateCodec<unknown>): void {
  for (const name of [
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
  ]) {
    server.registerTool(name, { description: "Asks for a confirmation" }, async (context) => {
      const { mcpReq } = context;
      const asked = mcpReq.requestState() === "confirm";
      if (asked && acceptedContent(mcpReq.inputResponses, "confirm", OK) !== undefined)
        return text("state-ok");
      return inputRequired({
        inputRequests: { confirm: elicit("Please confirm", OK) },
        requestState: await state.mint("confirm", context),
      });
    });
  }

  server.registerTool(
    "test_input_required_result_multiple_inputs",
    { description: "Asks for three things at once" },
    async (context) => {
      const { inputResponses, requestState } = context.mcpReq;
      const name = acceptedContent(inputResponses, "user_name", NAME);
      const greeting = inputResponse(inputResponses, "greeting");
      const roots = inputResponse(inputResponses, "client_roots");
      const asked = requestState() === "three";
      if (asked && name !== undefined && greeting.kind === "sampling" && roots.kind === "roots")
        return text(`${name.name} has ${roots.roots.length} roots.`);
      return inputRequired({
        inputRequests: {
          user_name: elicit("What is your name?", NAME),
          greeting: sample("Generate a greeting", 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await state.mint("three", context),
      });
    },
  );

  server.registerTool(
    "test_input_required_result_multi_round",
    { description: "Asks twice" },
    async (context) => {
      const { inputResponses } = context.mcpReq;
      const step2 = Round.safeParse(context.mcpReq.requestState());
      const color = acceptedContent(inputResponses, "step2", COLOR);
      if (step2.success && color !== undefined) return text(`${step2.data.name} likes ${color.color}.`);
      const first = acceptedContent(inputResponses, "step1", NAME);
      if (first === undefined) {
        return inputRequired({
          inputRequests: { step1: elicit("Step 1: What is your name?", NAME) },
          requestState: await state.mint({ step: 1 }, context),
        });
      }
      return inputRequired({
        inputRequests: { step2: elicit("Step 2: What is your favorite color?", COLOR) },
        requestState: await state.mint({ step: 2, name: first.name } satisfies Round, context),
      });
    },
  );
}

const NAME = z.object({ name: z.string() });
const COLOR = z.object({ color: z.string() });
const OK = z.object({ ok: z.boolean() });
const Round = z.object({ step: z.literal(2), name: z.string() });
type Round = z.infer<typeof Round>;

function fillIn({ mcpReq }: ServerContext, opening: string, message: string, requestedSchema: Form) {
  const heard = inputResponse(mcpReq.inputResponses, "form");
  if (heard.kind === "elicit")
    return text(`${opening}: action=${heard.action}, content=${JSON.stringify(heard.content ?? {})}`);
  return inputRequired({ inputRequests: { form: inputRequired.elicit({ message, requestedSchema }) } });
}

function elicit(message: string, requestedSchema: typeof NAME | typeof COLOR | typeof OK) {
  return inputRequired.elicit({ message, requestedSchema });
}

function sample(words: string, maxTokens: number) {
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: words } }],
    maxTokens,
  });
}

function text(words: string): CallToolResult {
  return { content: [{ type: "text", text: words }] };
}
