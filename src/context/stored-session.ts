import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import type { BackendChange } from "./context-backend.ts";
import { keyOfName, requireContextKey, type SessionKeys, valueName } from "./record-keys.ts";
import type {
  ContextChange,
  ContextValue,
  SessionContext,
  SessionSummary,
  SetOptions,
} from "./session-context.ts";
import { isExpired } from "./session-draft.ts";
import { parseValue, type SessionIndex } from "./session-index.ts";
import type { SessionEdit, SessionLedger } from "./session-ledger.ts";

export interface StoredSessionOptions {
  readonly ledger: SessionLedger;
  readonly keys: SessionKeys;
  readonly area: string;
  /** Changes are refused where there is no session, or no longer. */
  readonly mustExist: boolean;
  /** The session's name. */
  readonly name: string;
  readonly now: () => number;
  /** Runs one call while the store is open, and hears what it could not read. */
  readonly guard: <Result>(work: () => Promise<Result>) => Promise<Result>;
  readonly onChange: (listener: (change: BackendChange) => void) => () => void;
}

/** One area of one session over the ledger. It holds nothing itself: any number may be open for the same place. */
export function createStoredSession(options: StoredSessionOptions): SessionContext {
  const { ledger, keys, area, now, guard, onChange } = options;
  const change = <Result>(names: readonly string[], edit: SessionEdit<Result>): Promise<Result> =>
    ledger.change(keys, names, (draft, records) => {
      if (options.mustExist && !draft.wasAlive) throw unknownSession();
      return edit(draft, records);
    });

  const get = async (key: string): Promise<ContextValue | undefined> => {
    const name = valueName(area, requireContextKey(key));
    const { index, record } = await ledger.read(keys, name);
    const entry = index?.entries.get(name);
    if (entry === undefined || isExpired(index?.expiresAt, now()) || isExpired(entry.expiresAt, now()))
      return undefined;
    return parseValue(record, entry);
  };

  const listKeys = async (): Promise<readonly string[]> => {
    const { index } = await ledger.read(keys);
    if (index === undefined || isExpired(index.expiresAt, now())) return [];
    return [...index.entries.values()]
      .filter((entry) => entry.area === area && !isExpired(entry.expiresAt, now()))
      .map(({ key }) => key);
  };

  return {
    get: (key) => guard(() => get(key)),
    keys: () => guard(listKeys),

    async *entries() {
      for (const key of await guard(listKeys)) {
        const value = await guard(() => get(key)).catch(skipUnreadable);
        if (value !== undefined) yield [key, value] as const;
      }
    },

    summary: () =>
      guard(async () => {
        const { index } = await ledger.read(keys);
        if (index === undefined || isExpired(index.expiresAt, now())) return undefined;
        return summaryOf(options.name, index, index.lastUsedAt);
      }),

    set: (key, value, setOptions) =>
      guard(async () => {
        const ttlMs = requireTtl(setOptions);
        const copy = copyValue(value);
        requireContextKey(key);
        await change([], (draft) => draft.put(area, key, copy, ttlMs));
      }),

    delete: (key) =>
      guard(async () => {
        requireContextKey(key);
        return change([], (draft) => draft.remove(area, key));
      }),

    update: (key, decide, setOptions) =>
      guard(async () => {
        const ttlMs = requireTtl(setOptions);
        const name = valueName(area, requireContextKey(key));
        return change([name], (draft, [record]) => {
          const entry = draft.find(area, key);
          const next = decide(entry === undefined ? undefined : parseValue(record, entry));
          if (next === undefined) {
            draft.remove(area, key);
            return undefined;
          }
          draft.put(area, key, copyValue(next), ttlMs);
          return copyValue(next);
        });
      }),

    touch: () => guard(() => change([], (draft) => draft.touch())),

    setExpiry: (expiresAt) =>
      guard(async () => {
        if (expiresAt !== undefined && !Number.isFinite(expiresAt))
          throw invalid("`expiresAt` must be a time in milliseconds.");
        await change([], (draft) => draft.expireAt(expiresAt));
      }),

    onChange: (listener) => onChange((change) => tellKeys(change, `${keys.prefix}`, area, listener)),
  };
}

/** What is told of a session as a whole. */
export function summaryOf(
  name: string,
  { bytes, expiresAt }: SessionIndex,
  lastUsedAt: number,
): SessionSummary {
  return { name, bytes, lastUsedAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/** The refusal of a change to a session that is not there. */
export function unknownSession(): OptimizerError {
  return new OptimizerError("There is no such session, or no longer.", {
    code: 400,
    kind: "unknown_session",
    hint: "It was closed, or it expired. Begin another one.",
  });
}

function tellKeys(
  { written, deleted, elsewhere }: BackendChange,
  prefix: string,
  area: string,
  listener: (change: ContextChange) => void,
): void {
  const tell = (type: ContextChange["type"], changed: readonly string[]): void => {
    for (const record of changed) {
      const key = record.startsWith(prefix) ? keyOfName(area, record.slice(prefix.length)) : undefined;
      if (key !== undefined) listener({ key, type, elsewhere });
    }
  };
  tell("set", written);
  tell("delete", deleted);
}

/** The value as it is now: bytes may be changed by whoever handed them in before they are kept. */
function copyValue(value: ContextValue): ContextValue {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw invalid("A context value is JSON text or a Uint8Array.");
}

function requireTtl({ ttlMs }: SetOptions = {}): number | undefined {
  if (ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs > 0)) return ttlMs;
  throw invalid("`ttlMs` must be a number of milliseconds above zero.");
}

function invalid(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_arguments" });
}

/** One value that can't be read is no reason to keep the others back; the store's health tells of it. */
function skipUnreadable(error: unknown): undefined {
  if (findOptimizerError(error)?.kind !== "corrupt_record") throw error;
  return undefined;
}
