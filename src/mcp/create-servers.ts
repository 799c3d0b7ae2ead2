import type { ServerOptions } from "./server-options.ts";
import type { ServerSource, ServerSourceDeps } from "./server-source.ts";

/**
 * Makes a source of each server, by name: they connect in the background, and none stops another. Without
 * servers nothing of MCP is loaded.
 */
export async function createServers(
  servers: Readonly<Record<string, string | ServerOptions>>,
  depsOf: (name: string) => ServerSourceDeps = () => ({}),
): Promise<readonly ServerSource[]> {
  const entries = Object.entries(servers);
  if (entries.length === 0) return [];
  const { createServerSource } = await import("./server-source.ts");
  return entries.map(([name, server]) => createServerSource(name, server, depsOf(name)));
}

/** Waits until every server has connected or failed, for so many milliseconds at most. */
export async function settleServers(servers: readonly ServerSource[], waitMs: number): Promise<void> {
  const wait = AbortSignal.timeout(waitMs);
  await Promise.allSettled(servers.map((server) => server.connect(wait)));
}
