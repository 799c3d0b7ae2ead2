import { type AuditHead, type AuditRecord, GENESIS, hashOf, parseRecord } from "./audit-record.ts";

/** What is wrong with a log, and where: lines count from 1. */
export interface AuditProblem {
  readonly line: number;
  /**
   * `unreadable`: no record. `edited`: it is not what was hashed. `broken`: it does not follow the one before, so that
   * records were taken out, put in, or moved. `beheaded`: the first ones are gone, and no record says that they were let
   * go. `truncated`: the head that was kept is not in it.
   */
  readonly kind: "unreadable" | "edited" | "broken" | "beheaded" | "truncated";
  readonly message: string;
}

/** What {@link verifyAudit} found. */
export interface AuditReport {
  readonly records: number;
  /** Absent for a log without a record. */
  readonly head?: AuditHead;
  /** The first that was found. */
  readonly problem?: AuditProblem;
}

/**
 * Reads a log to its end or its first problem.
 *
 * The chain shows every change of a record, every one that is missing between two others, and every other order. It
 * can't show by itself that the last ones are gone, nor that somebody wrote the whole log anew with hashes that fit:
 * for that `kept` is compared, a head that somebody noted somewhere else. One that was let go since shows nothing.
 */
export async function verifyAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  kept?: AuditHead,
): Promise<AuditReport> {
  let before: AuditHead | undefined;
  let records = 0;
  let line = 0;
  let start: AuditRecord | undefined;
  let isStartExplained = false;
  let isKeptSeen = kept === undefined;
  const report = (problem?: Omit<AuditProblem, "line">): AuditReport => ({
    records,
    ...(before === undefined ? {} : { head: before }),
    ...(problem === undefined ? {} : { problem: { line, ...problem } }),
  });

  for await (const text of lines) {
    line += 1;
    const record = parseRecord(text);
    if (record === undefined) return report({ kind: "unreadable", message: "The line is no record." });
    if ((await hashOf(record)) !== record.hash)
      return report({ kind: "edited", message: `Record ${record.seq} is not what was hashed.` });
    start ??= record;
    const expected = before ?? { seq: record.seq - 1, hash: record.prev };
    if (record.seq !== expected.seq + 1 || record.prev !== expected.hash)
      return report({
        kind: "broken",
        message: `Record ${record.seq} does not follow record ${expected.seq}.`,
      });
    if (kept !== undefined && record.seq === kept.seq) {
      if (record.hash !== kept.hash)
        return report({
          kind: "edited",
          message: `Record ${kept.seq} is another than the one that was kept.`,
        });
      isKeptSeen = true;
    }
    const { type, seq, hash } = record.entry;
    if (type === "retention" && seq === start.seq - 1 && hash === start.prev) isStartExplained = true;
    before = { seq: record.seq, hash: record.hash };
    records += 1;
  }
  const isWhole = start === undefined || (start.seq === 1 && start.prev === GENESIS.hash) || isStartExplained;
  if (!isWhole)
    return report({
      kind: "beheaded",
      message: `The log begins with record ${start?.seq}, and none says why.`,
    });
  if (!isKeptSeen && (before?.seq ?? 0) < (kept?.seq ?? 0))
    return report({ kind: "truncated", message: `The log ends before record ${kept?.seq}, which was kept.` });
  if (!isKeptSeen && (start?.seq ?? 0) <= (kept?.seq ?? 0))
    return report({ kind: "broken", message: `The log has no record ${kept?.seq}.` });
  return report();
}
