import { InMemoryTransport, type JSONRPCMessage } from "@modelcontextprotocol/client";
import type { ServerOptions } from "../../../src/mcp/server-options.ts";

/** What a server says of its tools, and how it answers. */
export interface Lies {
  readonly tools?: readonly unknown[];
  readonly call?: (name: string, args: unknown) => unknown;
}

/** A server that answers what it likes; `secret` is the credential that the page sends it. */
export function lyingServer(lies: Lies, secret: string): ServerOptions {
  const transport = (): InMemoryTransport => {
    const [client, server] = InMemoryTransport.createLinkedPair();
    server.onmessage = (message: JSONRPCMessage) => {
      if (!("method" in message) || !("id" in message)) return;
      const { id, method } = message;
      const answer = (result: unknown): void =>
        void server.send({ jsonrpc: "2.0", id, result } as JSONRPCMessage);
      const fail = (code: number, text: string): void =>
        void server.send({ jsonrpc: "2.0", id, error: { code, message: text } });
      if (method === "initialize") {
        return answer({
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "liar", version: "1" },
        });
      }
      if (method === "tools/list") return answer({ tools: lies.tools ?? [] });
      if (method !== "tools/call") return fail(-32_601, "no such method");
      const { name, arguments: args } = message.params as {
        readonly name: string;
        readonly arguments: unknown;
      };
      try {
        answer(lies.call?.(name, args) ?? { content: [] });
      } catch (error) {
        fail(-32_000, error instanceof Error ? error.message : "x");
      }
    };
    void server.start();
    return client;
  };
  return { url: "https://liar.invalid/mcp", transport, headers: { authorization: `Bearer ${secret}` } };
}
