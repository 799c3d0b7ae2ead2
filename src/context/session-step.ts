import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import type { BackendStep, ContextRecord } from "./context-backend.ts";
import type { ContextLimits } from "./context-limits.ts";
import { type SessionKeys, TOTALS_KEY } from "./record-keys.ts";
import { SessionDraft } from "./session-draft.ts";
import { formatIndex, formatTotals, parseTotals, type SessionIndex, type Totals } from "./session-index.ts";

/** How one attempt to change a session ends. */
export type StepOutcome<Result> =
  | { readonly type: "done"; readonly result: Result }
  /** Nothing was written: others have to go first. */
  | { readonly type: "needs_room"; readonly bytes: number; readonly sessions: number }
  /** Nothing was written: the count of all sessions can't be read. */
  | { readonly type: "needs_count" };

/** A session that may go so that another has room, as it is in this step. */
export interface Victim {
  readonly keys: SessionKeys;
  /** `undefined` when it is gone, or was used since it was chosen. */
  readonly index: SessionIndex | undefined;
}

export interface SessionStepOptions<Result> {
  readonly keys: SessionKeys;
  readonly limits: ContextLimits;
  readonly now: number;
  readonly totals: unknown;
  readonly index: SessionIndex | undefined;
  readonly edit: (draft: SessionDraft) => Result;
  /** In the order in which they go; no more of them than it takes. */
  readonly victims: readonly Victim[];
  /** Hears of the index that the step writes. */
  readonly onIndex: (text: string, index: SessionIndex) => void;
}

/**
 * Changes one session and everything that is counted of it in one step, or says what has to happen before. Others
 * go in the same step: none is lost for a change that is refused after all.
 */
export function stepSession<Result>(options: SessionStepOptions<Result>): BackendStep<StepOutcome<Result>> {
  const { keys, limits, now, index, edit, victims, onIndex } = options;
  const totals = readTotals(options.totals);
  if (totals === undefined) return { result: { type: "needs_count" } };
  const draft = new SessionDraft(index, now);
  const result = edit(draft);
  if (!draft.changed) return { result: { type: "done", result } };
  draft.requireRoom(limits);
  const after = draft.toIndex();
  const began = Number(after !== undefined) - Number(index !== undefined);
  let bytes = totals.bytes + draft.growth;
  let sessions = totals.sessions + began;

  const records = new Map<string, ContextRecord | undefined>();
  const tooLarge = (): boolean =>
    (draft.growth > 0 && bytes > limits.maxTotalBytes) || (began > 0 && sessions > limits.maxSessions);
  for (const victim of victims) {
    if (!tooLarge()) break;
    if (victim.index === undefined) continue;
    bytes -= victim.index.bytes;
    sessions -= 1;
    for (const name of victim.index.entries.keys()) records.set(`${victim.keys.prefix}${name}`, undefined);
    records.set(victim.keys.index, undefined);
  }
  if (tooLarge()) {
    return {
      result: {
        type: "needs_room",
        bytes: bytes - limits.maxTotalBytes,
        sessions: sessions - limits.maxSessions,
      },
    };
  }
  records.set(TOTALS_KEY, formatTotals({ bytes: Math.max(0, bytes), sessions: Math.max(0, sessions) }));
  for (const [name, value] of draft.values) records.set(`${keys.prefix}${name}`, value);
  const text = after === undefined ? undefined : formatIndex(after);
  if (text !== undefined && after !== undefined) onIndex(text, after);
  records.set(keys.index, text);
  return { records, result: { type: "done", result } };
}

export function storageFull({ maxTotalBytes }: ContextLimits): OptimizerError {
  return new OptimizerError(`All contexts together would hold more than ${maxTotalBytes} bytes.`, {
    code: 429,
    kind: "storage_full",
    hint: "Keep less, or drop sessions that are no longer needed.",
  });
}

/** `undefined` for a count that can't be read: it can be made anew. */
function readTotals(record: unknown): Totals | undefined {
  try {
    return parseTotals(record);
  } catch (error) {
    if (findOptimizerError(error)?.kind === "corrupt_record") return undefined;
    throw error;
  }
}
