import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const started = performance.now();
  const value = await work();
  return { value, ms: performance.now() - started };
}

/** The SDK's own client of an MCP server, to compare brokered calls with. The caller closes it. */
export async function connectClient(server: string): Promise<Client> {
  const client = new Client({ name: "bench", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new StreamableHTTPClientTransport(new URL(server), { redirectPolicy: "follow" }));
  return client;
}
