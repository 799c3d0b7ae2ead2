// The listener that a leak would reach: HTTP on any path, WebSocket upgrades and UDP, on loopback
// only. It counts by nonce, so that tests that run side by side do not see each other's hits.

import { createHash } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    readonly canaryPort: number;
  }
}

/** Longest that a question for hits waits for them. Milliseconds. */
const MAX_WAIT_MS = 10_000;
const MAX_HITS = 20_000;

interface Hit {
  readonly nonce: string;
  readonly label: string;
}

/** Starts the listener for one test run and gives its port to the pages. Returns the way to close it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const hits: Hit[] = [];
  const datagrams = new Map<number, { readonly socket: Socket; count: number }>();
  const waiting = new Set<() => void>();

  const record = (url: string | undefined): void => {
    const [, nonce = "", label = ""] = /^\/([\w-]+)\/([\w-]+)/.exec(url ?? "") ?? [];
    if (hits.length < MAX_HITS) hits.push({ nonce, label });
    for (const check of [...waiting]) check();
  };

  const listenForDatagrams = async (): Promise<number> => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    const entry = { socket, count: 0 };
    datagrams.set(port, entry);
    socket.on("message", () => {
      entry.count += 1;
      for (const check of [...waiting]) check();
    });
    return port;
  };

  /** Answers when `ready` holds, at the latest after the longest wait. */
  const answerWhen = (response: ServerResponse, ready: () => boolean, answer: () => unknown): void => {
    const finish = (): void => {
      clearTimeout(timer);
      waiting.delete(check);
      response.end(JSON.stringify(answer()));
    };
    const check = (): void => {
      if (ready()) finish();
    };
    const timer = setTimeout(finish, MAX_WAIT_MS);
    waiting.add(check);
    check();
  };

  const control = async (url: URL, response: ServerResponse): Promise<void> => {
    response.setHeader("content-type", "application/json");
    const nonce = url.searchParams.get("nonce") ?? "";
    const wanted = url.searchParams.getAll("label");
    const labels = (): string[] => [
      ...new Set(hits.filter((hit) => hit.nonce === nonce).map(({ label }) => label)),
    ];
    if (url.pathname === "/-/hits")
      return answerWhen(response, () => wanted.every((label) => labels().includes(label)), labels);
    if (url.pathname === "/-/udp") return void response.end(JSON.stringify(await listenForDatagrams()));
    const port = datagrams.get(Number(url.searchParams.get("port")));
    answerWhen(
      response,
      () => url.searchParams.get("wait") === null || (port?.count ?? 0) > 0,
      () => port?.count ?? 0,
    );
  };

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("access-control-allow-headers", "*");
    response.setHeader("access-control-allow-private-network", "true");
    const url = new URL(request.url ?? "/", "http://canary");
    if (url.pathname.startsWith("/-/")) return void control(url, response);
    record(request.url);
    const events = request.headers.accept?.includes("text/event-stream") === true;
    response.setHeader("content-type", events ? "text/event-stream" : "text/javascript");
    response.end(events ? "data: 1\n\n" : "self.canary = 1;");
  });
  server.on("upgrade", (request, socket) => {
    record(request.url);
    const key = `${request.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.on("error", () => socket.destroy());
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The canary has no port.");
  project.provide("canaryPort", address.port);

  return async () => {
    for (const { socket } of datagrams.values()) socket.close();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
}
