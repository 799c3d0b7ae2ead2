import type { ContextHealth } from "../context/context-backend.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import type { SandboxTraits } from "../sandbox/sandbox.ts";
import type { SourceFeatures, SourceStatus } from "../tools/tool.ts";

/** What this engine can do here and now, for people and their dashboards. */
export interface EngineCapabilities {
  readonly version: string;
  readonly languages: readonly Language[];
  /** What each sandbox runs, and what it truly enforces. */
  readonly sandboxes: readonly SandboxTraits[];
  readonly platform: Platform;
  readonly storage: Storage;
  readonly servers: readonly ServerCapabilities[];
}

/** What the place where the engine runs has. */
export interface Platform {
  readonly webAssembly: boolean;
  /** JavaScript Promise Integration: Python calls tools without `await`. */
  readonly jspi: boolean;
  /** A page that is isolated from others: a program can be interrupted in the middle of a computation. */
  readonly crossOriginIsolated: boolean;
  readonly sharedArrayBuffer: boolean;
  /** Tabs know of each other's live runs. */
  readonly webLocks: boolean;
  readonly indexedDb: boolean;
}

/** Where sessions are kept. */
export interface Storage {
  readonly backend: string;
  readonly health: ContextHealth;
  /** Whether the browser promised not to clear it by itself. Absent where it does not say. */
  readonly persisted?: boolean;
  /** Of the whole origin, as the browser estimates it. Bytes. */
  readonly usedBytes?: number;
  readonly quotaBytes?: number;
}

/** One server: where it stands, and what it says that it can do. */
export interface ServerCapabilities {
  readonly name: string;
  readonly status: SourceStatus;
  readonly tools: number;
  readonly features?: SourceFeatures;
}

/** Looks at the place. Nothing of it is remembered: a page may become isolated, or lose its storage. */
export function detectPlatform(): Platform {
  const scope: object = globalThis;
  const has = (name: string): boolean => Reflect.get(scope, name) !== undefined;
  return {
    webAssembly: has("WebAssembly"),
    jspi: has("WebAssembly") && "Suspending" in WebAssembly,
    crossOriginIsolated: Reflect.get(scope, "crossOriginIsolated") === true,
    sharedArrayBuffer: has("SharedArrayBuffer"),
    webLocks: globalThis.navigator?.locks !== undefined,
    indexedDb: has("indexedDB"),
  };
}

/** What the browser says of its storage; nothing where it does not. */
export async function detectStorage(): Promise<Omit<Storage, "backend" | "health">> {
  const { storage } = globalThis.navigator ?? {};
  const [estimate, persisted] = await Promise.all([
    storage?.estimate().catch(() => undefined),
    storage?.persisted().catch(() => undefined),
  ]);
  return {
    ...(persisted === undefined ? {} : { persisted }),
    ...(estimate?.usage === undefined ? {} : { usedBytes: estimate.usage }),
    ...(estimate?.quota === undefined ? {} : { quotaBytes: estimate.quota }),
  };
}
