import { OptimizerError } from "../base/errors.ts";
import type { ContextStore } from "../context/context-store.ts";
import type { ContextPlace } from "../context/record-keys.ts";
import { parseSessionFile } from "./session-file.ts";
import { isCreatedId, requireSessionName } from "./session-names.ts";
import { parseRecord, RECORD_AREA, RECORD_KEY, type SessionRecord } from "./session-record.ts";

/** What came of a file. */
export interface Imported {
  readonly session: string;
  /** What was left out, because it is bound to the name that the session had. */
  readonly dropped: readonly BoundPart[];
}

/** Suspended runs can't go on under another name, and kept globals are sealed for theirs. */
export type BoundPart = "suspended" | "globals";

const BOUND_PARTS: readonly BoundPart[] = ["suspended", "globals"];

/** Room in a file beside what the session itself may hold: a byte of a text may be written as six characters. */
const FILE_FACTOR = 6;

export interface ImportWays {
  readonly store: Pick<ContextStore, "fill" | "limits">;
  readonly place: (session: string) => Omit<ContextPlace, "area">;
  readonly now: () => number;
}

/** Puts the session of a file into the store, under its own name or another one. */
export async function importSession(
  file: Blob,
  { as }: { readonly as?: string },
  { store, place, now }: ImportWays,
): Promise<Imported> {
  const { session: before, entries } = await parseSessionFile(
    file,
    FILE_FACTOR * store.limits.maxSessionBytes,
  );
  const session = requireSessionName(as ?? before);
  const content = entries.filter(({ area }) => area !== RECORD_AREA);
  if (session !== before) {
    const kept = content.filter(({ area }) => !isBound(area));
    const isCreated = isCreatedId(session);
    await store.fill(
      place(session),
      { entries: kept },
      isCreated ? { mustExist: true, beside: RECORD_AREA } : {},
    );
    return { session, dropped: BOUND_PARTS.filter((part) => content.some(({ area }) => area === part)) };
  }
  if (!isCreatedId(session)) {
    await store.fill(place(session), { entries: content });
    return { session, dropped: [] };
  }
  const value = entries.find(({ area, key }) => area === RECORD_AREA && key === RECORD_KEY)?.value;
  const record = requireRecord(parseRecord(value));
  await store.fill(place(session), {
    entries: [...(value === undefined ? [] : [{ area: RECORD_AREA, key: RECORD_KEY, value }]), ...content],
    ...(record.ttlMs === undefined ? {} : { expiresAt: now() + record.ttlMs }),
  });
  return { session, dropped: [] };
}

function isBound(area: string): boolean {
  return BOUND_PARTS.some((part) => part === area);
}

function requireRecord(record: SessionRecord | undefined): SessionRecord {
  if (record !== undefined) return record;
  throw new OptimizerError("The file can't be imported: it says nothing of the session itself.", {
    code: 400,
    kind: "invalid_file",
    hint: "Give the Blob that `sessions.export` made.",
  });
}
