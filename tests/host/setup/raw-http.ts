import { connect } from "node:net";
import { text } from "node:stream/consumers";

/** An answer as it came over the socket. */
export interface RawResponse {
  /** 0 when the connection was closed without one. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends these bytes and reads until the host closes the connection, or has answered with a whole body. */
export async function rawRequest(url: string, bytes: string): Promise<RawResponse> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(), 5_000);
  const closing = setInterval(() => {
    // An answer that is complete may leave the connection open.
    if (isComplete(received)) socket.end();
  }, 20);
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  await text(socket).catch(() => undefined);
  clearTimeout(timer);
  clearInterval(closing);
  return parseResponse(received);
}

function parseResponse(received: string): RawResponse {
  const [head = "", ...rest] = received.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(first)?.[1] ?? 0),
    headers: Object.fromEntries(headers),
    body: rest.join("\r\n\r\n"),
  };
}

function isComplete(received: string): boolean {
  if (!received.includes("\r\n\r\n")) return false;
  const { headers, body } = parseResponse(received);
  if (headers["transfer-encoding"] === "chunked") return body.endsWith("0\r\n\r\n");
  return body.length >= Number(headers["content-length"] ?? 0);
}
