// What crosses here: pages that borrow the sandbox of the host over a WebSocket. Host and Origin were looked at before;
// a browser sends the token as a subprotocol, because a page can set no headers.

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { OptimizerError } from "../../base/errors.ts";
import { MAX_FRAME_BYTES, REMOTE_SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "../../protocol/remote-frames.ts";
import { type Admission, hostDrains } from "../admission.ts";
import type { RemoteLinks } from "../remote-links.ts";
import { readBearer, type TokenBook } from "../tokens.ts";

export const SANDBOX_PATH = "/v1/sandbox";

/** How long a page may take to agree to the end of its socket. Milliseconds. */
const CLOSE_MS = 1_000;

/** A socket that is silent for so long is lost. Milliseconds. */
const PING_MS = 15_000;

export interface SandboxSocketOptions {
  readonly links: RemoteLinks;
  readonly tokens: TokenBook;
  readonly admission: Admission;
}

/** What takes a request to upgrade. Throws what the request is to be refused with. */
export type TakeUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export const refuseUpgrade: TakeUpgrade = () => {
  throw new OptimizerError("Nothing is to be upgraded here.", { code: 400, kind: "unknown_operation" });
};

export function createSandboxSocket({ links, tokens, admission }: SandboxSocketOptions): TakeUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    handleProtocols: () => REMOTE_SUBPROTOCOL,
  });
  return (request, socket, head) => {
    if (request.url !== SANDBOX_PATH) return refuseUpgrade(request, socket, head);
    const caller = tokens.find(tokenOf(request));
    if (caller?.scopes.has("run") !== true) {
      throw new OptimizerError("The socket carries no token that allows runs.", {
        code: 403,
        kind: "unauthorized",
      });
    }
    admission.countRequest(caller.tenant);
    if (admission.draining) throw hostDrains();
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const events = links.accept(
        {
          send: (text) => webSocket.send(text),
          close() {
            webSocket.close();
            // A page that does not answer keeps nothing open.
            setTimeout(() => webSocket.terminate(), CLOSE_MS).unref();
          },
        },
        caller.tenant,
      );
      let answered = true;
      const pinging = setInterval(() => {
        if (!answered) return webSocket.terminate();
        answered = false;
        webSocket.ping();
      }, PING_MS);
      webSocket.on("pong", () => {
        answered = true;
      });
      // A socket that fails is closed next.
      webSocket.on("error", () => undefined);
      webSocket.on("message", (data, isBinary) => {
        if (isBinary || !Buffer.isBuffer(data)) webSocket.close();
        else events.onText(data.toString());
      });
      webSocket.on("close", () => {
        clearInterval(pinging);
        events.onClose();
      });
    });
  };
}

/** The token that a page sent beside our subprotocol, or another client in a header. */
function tokenOf({ headers }: IncomingMessage): string {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const token = offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL));
  if (token !== undefined && offered.includes(REMOTE_SUBPROTOCOL))
    return token.slice(TOKEN_SUBPROTOCOL.length);
  return readBearer(headers.authorization);
}
