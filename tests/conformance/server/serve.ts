import { InMemoryServerEventBus } from "@modelcontextprotocol/server";
import type { RunningServer } from "../../../demo/servers/loopback.ts";
import { listen } from "../../../src/host/http/listen.ts";
import { createFixtureFactory } from "./fixture-server.ts";
import { createMcpEndpoint } from "./mcp-endpoint.ts";

/** Serves the suite's server on a free loopback port, behind the host's own checks of Host and Origin. */
export async function serveFixture(): Promise<RunningServer> {
  const bus = new InMemoryServerEventBus();
  const endpoint = createMcpEndpoint(createFixtureFactory(bus), bus);
  const origins = new Set<string>();
  const listening = await listen((request) => endpoint.fetch(request), origins, { port: 0 });
  // The suite tells a page of the server's own from one of others.
  origins.add(listening.url);
  return {
    url: `${listening.url}/mcp`,
    async close() {
      await listening.close(0);
      await endpoint.close();
    },
  };
}
