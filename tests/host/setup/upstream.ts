import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";

/** What a server got. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that keeps what it gets, and answers as the test says. */
export async function startUpstream(
  answer: (request: Received, response: ServerResponse) => void,
): Promise<RunningServer & { readonly received: Received[] }> {
  const received: Received[] = [];
  const { port, server } = await listen(
    (request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "", headers } = request;
        const one = { method, url, headers, body };
        received.push(one);
        answer(one, response);
      });
    },
    { port: 0, host: "127.0.0.1", name: "The upstream" },
  );
  return { url: `http://127.0.0.1:${port}/mcp`, received, close: () => closeServer(server) };
}
