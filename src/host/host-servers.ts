import { OptimizerError } from "../base/errors.ts";
import { createServers } from "../mcp/create-servers.ts";
import { resolveServerOptions } from "../mcp/server-options.ts";
import type { ServerSource } from "../mcp/server-source.ts";
import type { HostServerOptions } from "./host-options.ts";
import type { RelayTarget } from "./http/relay.ts";
import { createOutbound, type Outbound } from "./outbound.ts";

/** The MCP servers of a host. Disposing it closes all connections to them. */
export interface HostServers extends AsyncDisposable {
  /** Those whose tools programs find. */
  readonly sources: readonly ServerSource[];
  /** Those that are relayed, by name. */
  readonly relayed: ReadonlyMap<string, RelayTarget>;
}

/** Rejects with 400 for a server that makes no sense; one that can't be reached is `unavailable` later. */
export async function createHostServers(
  servers: Readonly<Record<string, string | HostServerOptions>>,
): Promise<HostServers> {
  const outbounds = new Map<string, Outbound>();
  const relayed = new Map<string, RelayTarget>();
  const withTools: [string, HostServerOptions][] = [];
  for (const [name, given] of Object.entries(servers)) {
    const server = typeof given === "string" ? { url: given } : given;
    const { url, headers } = resolveServerOptions(name, server);
    const { privateAddresses, relay, tools = true } = server;
    const outbound = createOutbound({ url, ...(privateAddresses === undefined ? {} : { privateAddresses }) });
    outbounds.set(name, outbound);
    if (relay !== undefined) {
      if (!/^[\w.-]{1,64}$/.test(name)) throw invalidName(name);
      relayed.set(name, { url, mode: relay, headers: relay === "held" ? headers : {}, outbound });
    }
    if (tools) withTools.push([name, server]);
  }
  const sources = await createServers(Object.fromEntries(withTools), (name) => {
    const outbound = outbounds.get(name);
    return outbound === undefined ? {} : { fetch: outbound.fetch };
  });
  return {
    sources,
    relayed,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(sources.map((source) => source[Symbol.asyncDispose]()));
      for (const outbound of outbounds.values()) outbound[Symbol.dispose]();
    },
  };
}

function invalidName(name: string): OptimizerError {
  return new OptimizerError(`The server ${name} can't be relayed under this name.`, {
    code: 400,
    kind: "invalid_options",
    hint: "Use letters, digits, _, - and ., at most 64.",
  });
}
