import { OptimizerError } from "../base/errors.ts";
import { toBackendChange } from "./backend-change.ts";
import type { BackendChange, ContextBackend, ContextHealth, ContextRecord } from "./context-backend.ts";
import { type ContextLimits, resolveContextLimits, SESSION_LIMITS } from "./context-limits.ts";
import { createListeners } from "./listeners.ts";

/** What memory has room for. */
const MEMORY_LIMITS: ContextLimits = { ...SESSION_LIMITS, maxTotalBytes: 64 * 1024 * 1024 };

const HEALTH: ContextHealth = {
  state: "volatile",
  reason: "in_memory",
  hint: "Contexts end with the page. Use indexedDb() to keep them.",
};

/** Keeps contexts in memory, for the life of the page. */
export function memory(limits: Partial<ContextLimits> = {}): ContextBackend {
  const records = new Map<string, ContextRecord>();
  const listeners = createListeners<BackendChange>();
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw contextClosed();
  };
  return {
    name: "memory",
    limits: resolveContextLimits(MEMORY_LIMITS, limits),
    health: HEALTH,
    async read(keys) {
      requireOpen();
      return keys.map((key) => records.get(key));
    },
    async change(keys, decide) {
      requireOpen();
      // Nothing is awaited from here on: that is what makes it one step.
      const { records: changes = new Map(), result } = decide(keys.map((key) => records.get(key)));
      for (const [key, record] of changes) {
        if (record === undefined) records.delete(key);
        else records.set(key, record);
      }
      if (changes.size > 0) listeners.tell(toBackendChange(changes));
      return result;
    },
    async *keys(prefix) {
      requireOpen();
      for (const key of [...records.keys()]) if (key.startsWith(prefix)) yield key;
    },
    onChange: listeners.add,
    onHealthChange: () => () => undefined,
    async [Symbol.asyncDispose]() {
      closed = true;
      listeners.clear();
      records.clear();
    },
  };
}

/** The refusal of everything that was closed. */
export function contextClosed(): OptimizerError {
  return new OptimizerError("The context store was closed.", { code: 500, kind: "closed" });
}
