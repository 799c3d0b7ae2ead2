import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { closeServer, listen } from "../../../demo/servers/loopback.ts";

/** What a scripted model does in answer to one request. */
export type ModelMove =
  | { readonly say: string; readonly run?: object }
  /** Says something and never comes to an end. */
  | { readonly hang: string }
  | { readonly status: number; readonly message: string };

export interface ModelRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An endpoint on loopback that speaks both streaming formats to pages, with a model that follows a script. */
export interface ScriptedModel extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ModelRequest[];
}

export type Script = readonly ((request: ModelRequest) => ModelMove)[];

/** Each request gets the next move. `allowsPages` false leaves the CORS headers out. */
export async function openScriptedModel(script: Script, allowsPages = true): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const cors: Record<string, string> = allowsPages
    ? {
        "access-control-allow-origin": "*",
        // What OpenAI-compatible servers usually allow, and what Anthropic's clients send.
        "access-control-allow-headers":
          "authorization, content-type, x-api-key, anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access",
      }
    : {};
  const { port, server } = await listen(
    (request, response) => {
      if (request.method === "OPTIONS") return void response.writeHead(204, cors).end();
      void json(request).then((body) => {
        const asked = { path: request.url ?? "", headers: request.headers, text: JSON.stringify(body) };
        const move = script[requests.length]?.(asked) ?? { status: 500, message: "The script is over." };
        requests.push(asked);
        answer(response, move, cors, asked.path.includes("/messages"));
      });
    },
    { port: 0, host: "127.0.0.1", name: "The scripted model" },
  );
  return { url: `http://127.0.0.1:${port}`, requests, [Symbol.asyncDispose]: () => closeServer(server) };
}

function answer(
  response: ServerResponse,
  move: ModelMove,
  cors: Record<string, string>,
  isAnthropic: boolean,
): void {
  if ("status" in move) {
    response.writeHead(move.status, { ...cors, "content-type": "application/json" });
    response.end(JSON.stringify({ type: "error", error: { type: "error", message: move.message } }));
    return;
  }
  response.writeHead(200, { ...cors, "content-type": "text/event-stream" });
  const text = "hang" in move ? move.hang : move.say;
  const run = "hang" in move ? undefined : move.run;
  const events = isAnthropic ? anthropicEvents(text, run) : openaiEvents(text, run);
  // The end comes after the text: what hangs has none.
  const shown = "hang" in move ? events.slice(0, 4) : events;
  for (const event of shown) response.write(event);
  if (!("hang" in move)) response.end();
}

/** A text in pieces, as it is streamed. */
const piecesOf = (text: string): readonly string[] => text.match(/.{1,7}/gs) ?? [];

function openaiEvents(text: string, run: object | undefined): readonly string[] {
  const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "scripted" };
  const chunk = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const call = (id: string | undefined, args: string): string =>
    chunk({
      tool_calls: [
        {
          index: 0,
          ...(id === undefined ? {} : { id, type: "function" }),
          function: { ...(id === undefined ? {} : { name: "run_code" }), arguments: args },
        },
      ],
    });
  return [
    chunk({ role: "assistant", content: "" }),
    ...piecesOf(text).map((content) => chunk({ content })),
    ...(run === undefined
      ? []
      : [call("call_1", ""), ...piecesOf(JSON.stringify(run)).map((piece) => call(undefined, piece))]),
    chunk({}, run === undefined ? "stop" : "tool_calls"),
    `data: ${JSON.stringify({ ...base, choices: [], usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 } })}\n\n`,
    "data: [DONE]\n\n",
  ];
}

function anthropicEvents(text: string, run: object | undefined): readonly string[] {
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const message = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "scripted",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 100, output_tokens: 1 },
  };
  const block = (index: number, start: object, deltas: readonly object[]): readonly string[] => [
    event("content_block_start", { index, content_block: start }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ];
  return [
    event("message_start", { message }),
    ...block(
      0,
      { type: "text", text: "" },
      piecesOf(text).map((piece) => ({ type: "text_delta", text: piece })),
    ),
    ...(run === undefined
      ? []
      : block(
          1,
          { type: "tool_use", id: "toolu_1", name: "run_code", input: {} },
          piecesOf(JSON.stringify(run)).map((piece) => ({ type: "input_json_delta", partial_json: piece })),
        )),
    event("message_delta", {
      delta: { stop_reason: run === undefined ? "end_turn" : "tool_use", stop_sequence: null },
      usage: { output_tokens: 10 },
    }),
    event("message_stop", {}),
  ];
}
