import { once } from "node:events";
import net from "node:net";

/** What passes between a client and a server: a request's or a reply's bytes. */
export type Passage = "request" | "reply";

/** A way to a server on loopback that a test may cut at any point. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Asked before each piece goes on. Resolves with whether it does; else its connection is closed. */
  watch: (passage: Passage, text: string, connection: object) => Promise<boolean>;
}

export async function startProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>();
  const proxy = {
    port: 0,
    watch: async () => true,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  } as TcpProxy & { port: number };
  const server = net.createServer((client) => {
    const upstream = net.connect(target, "127.0.0.1");
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    const pipe = (from: net.Socket, to: net.Socket, passage: Passage): void => {
      sockets.add(from);
      let last = Promise.resolve();
      from.on("data", (chunk) => {
        last = last.then(async () => {
          if (await proxy.watch(passage, chunk.toString("latin1"), client)) to.write(chunk);
          else end();
        });
      });
      from.on("error", end);
      from.on("close", () => {
        sockets.delete(from);
        last.then(end, end);
      });
    };
    pipe(client, upstream, "request");
    pipe(upstream, client, "reply");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address === "object" && address !== null) proxy.port = address.port;
  return proxy;
}
