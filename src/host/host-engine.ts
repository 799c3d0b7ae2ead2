import type { TokenCounter } from "../base/tokens.ts";
import { createContextStore } from "../context/context-store.ts";
import { memory } from "../context/memory.ts";
import { settleServers } from "../mcp/create-servers.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { startCollector } from "../sessions/collector.ts";
import { openRecording } from "../telemetry/open-recording.ts";
import { type Catalog, createCatalog } from "../tools/catalog.ts";
import type { EngineHostOptions } from "./host-options.ts";
import { createHostServers, type HostServers } from "./host-servers.ts";
import { createTenantEngines, type TenantEngines } from "./tenant-engines.ts";
import { createThreadTokenizer } from "./thread-tokenizer.ts";

/** A host without its door: what runs programs, for the command line and for HTTP. */
export interface HostEngine extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly servers: HostServers;
  readonly engines: TenantEngines;
  readonly countTokens: TokenCounter;
}

/**
 * Opens the engine over sandboxes that were chosen. Resolves when its servers have connected or failed and the
 * sandboxes are ready. Rejects with 400 for options that make no sense.
 */
export async function openHostEngine(
  options: EngineHostOptions,
  sandboxes: readonly Sandbox[],
): Promise<HostEngine> {
  await using opening = new AsyncDisposableStack();
  const { countTokens } = opening.use(createThreadTokenizer());
  const recording = opening.use(await openRecording(options.telemetry, []));
  const servers = opening.use(await createHostServers(options.servers ?? {}));
  const backend = options.context ?? opening.use(memory());
  const context = opening.use(createContextStore(backend));
  const catalog = opening.use(createCatalog(servers.sources));
  const engines = opening.use(
    createTenantEngines({
      host: options,
      catalog,
      sandboxes,
      context,
      countTokens,
      sink: recording?.sink,
    }),
  );
  opening.use(startCollector({ collect: () => engines.of(undefined).collect(), backend }));
  await Promise.all([
    settleServers(servers.sources, options.connectWaitMs ?? 5_000),
    ...sandboxes.map((sandbox) => sandbox.prepare()),
  ]);
  const parts = opening.move();
  return { catalog, servers, engines, countTokens, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
