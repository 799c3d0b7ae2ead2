import type { TokenCounter } from "../base/tokens.ts";
import type { ContextStore } from "../context/context-store.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { TraceSink } from "../telemetry/trace.ts";
import { createArgumentChecker } from "../tools/arguments.ts";
import type { Catalog } from "../tools/catalog.ts";
import type { EngineHostOptions } from "./host-options.ts";

export interface TenantEnginesOptions {
  readonly host: EngineHostOptions;
  readonly catalog: Catalog;
  readonly sandboxes: readonly Sandbox[];
  readonly context: ContextStore;
  readonly countTokens: TokenCounter;
  /** Records the work of all tenants; absent where nobody exports it. */
  readonly sink: TraceSink | undefined;
}

/** One engine for each tenant, over the same tools, sandboxes and store: sessions, budgets and caches are the tenant's own. */
export interface TenantEngines extends AsyncDisposable {
  /** Made at the first use. */
  readonly of: (tenant: string | undefined) => Engine;
}

/** Throws 400 for options of the engine that make no sense. */
export function createTenantEngines(options: TenantEnginesOptions): TenantEngines {
  const { host, catalog, sandboxes, context, countTokens, sink } = options;
  const engines = new Map<string | undefined, Engine>();
  const of = (tenant: string | undefined): Engine => {
    const engine =
      engines.get(tenant) ??
      createEngine({
        catalog,
        sandboxes,
        context,
        tenant,
        countTokens,
        loadChecker: async () => createArgumentChecker(),
        policy: host.policy ?? {},
        limits: host.limits ?? {},
        flags: host.flags ?? {},
        budgets: host.budgets ?? {},
        cache: host.cache ?? {},
        intents: host.intents ?? [],
        sink,
        audit: host.audit,
      });
    engines.set(tenant, engine);
    return engine;
  };
  // Options that make no sense show before the first request.
  of(undefined);
  return {
    of,
    async [Symbol.asyncDispose]() {
      await Promise.all(Array.from(engines.values(), (engine) => engine[Symbol.asyncDispose]()));
    },
  };
}
