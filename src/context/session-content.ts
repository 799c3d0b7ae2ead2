import { OptimizerError } from "../base/errors.ts";
import type { ContextBackend } from "./context-backend.ts";
import { requireArea, requireContextKey, type SessionKeys } from "./record-keys.ts";
import type { ContextValue } from "./session-context.ts";
import { isExpired, type SessionDraft } from "./session-draft.ts";
import { parseValue } from "./session-index.ts";
import { readableIndex } from "./session-room.ts";

/** One value of a session, of whatever area. */
export interface ContextEntry {
  readonly area: string;
  readonly key: string;
  readonly value: ContextValue;
  /** Milliseconds of the store's clock; absent when it stays. */
  readonly expiresAt?: number;
}

/** A whole session on its way into a store. */
export interface SessionContent {
  readonly entries: readonly ContextEntry[];
  /** When the session ends as a whole; absent: never. */
  readonly expiresAt?: number;
}

/** Attempts to read a session while others change it. */
const MAX_ROUNDS = 5;

/**
 * Every value of a session, all areas, as they were at one moment; also of a session that has ended and was
 * not collected. Rejects with 500 `corrupt_record` when one can't be read.
 */
export async function readContent(
  backend: ContextBackend,
  { index: indexKey, prefix }: SessionKeys,
  now: number,
): Promise<readonly ContextEntry[]> {
  let names: ReadonlySet<string> = new Set();
  for (let round = 0; ; round += 1) {
    const [record, ...values] = await backend.read([
      indexKey,
      ...Array.from(names, (name) => `${prefix}${name}`),
    ]);
    const entries = [...(readableIndex(record)?.entries ?? [])];
    const isComplete = entries.every(([name]) => names.has(name));
    if (!isComplete && round < MAX_ROUNDS) {
      names = new Set(entries.map(([name]) => name));
      continue;
    }
    const found = new Map(Array.from(names, (name, at) => [name, values[at]]));
    return entries
      .filter(([name, { expiresAt }]) => found.has(name) && !isExpired(expiresAt, now))
      .map(([name, entry]) => ({
        area: entry.area,
        key: entry.key,
        value: parseValue(found.get(name), entry),
        ...(entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt }),
      }));
  }
}

/** Puts all of it into a session that holds nothing yet, or only what is in the area `beside`. Throws 400 `session_exists`. */
export function fillDraft(
  draft: SessionDraft,
  { entries, expiresAt }: SessionContent,
  beside: string | undefined,
  now: number,
): void {
  if ([...draft.areas].some((area) => area !== beside)) {
    throw new OptimizerError("The session holds something already.", {
      code: 400,
      kind: "session_exists",
      hint: "Nothing was written. Close that session first, or choose another name.",
    });
  }
  for (const { area, key, value, expiresAt: end } of entries) {
    if (isExpired(end, now)) continue;
    draft.put(requireArea(area), requireContextKey(key), value, end === undefined ? undefined : end - now);
  }
  if (beside === undefined) draft.expireAt(expiresAt);
}
