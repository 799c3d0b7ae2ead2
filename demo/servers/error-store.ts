import {
  createErrorRecords,
  type ErrorRecord,
  FAILURE_MODES,
  type FixStrategy,
  type Service,
  type Severity,
  type Status,
} from "./error-records.ts";

/** Which errors to list. Every filter that is given has to hold. */
export interface ErrorFilter {
  readonly service?: Service | undefined;
  readonly severity?: Severity | undefined;
  readonly status?: Status | undefined;
  readonly code?: string | undefined;
  readonly environment?: "production" | "staging" | undefined;
  /** ISO 8601: only errors seen at or after this moment. */
  readonly since?: string | undefined;
  /** Text that the message, the culprit or the route contains, in any case. */
  readonly query?: string | undefined;
}

/** A page of a list. */
export interface ErrorPage {
  readonly errors: readonly ErrorRecord[];
  /** Errors that match, on all pages. */
  readonly total: number;
  readonly nextCursor: string | null;
}

/** Why an error happens. */
export interface ErrorAnalysis {
  readonly id: string;
  readonly probableCause: string;
  /** Between 0 and 1. */
  readonly confidence: number;
  readonly similarIds: readonly string[];
  readonly affectedUsersTotal: number;
  readonly suggestedFix: string;
  readonly suggestedStrategy: FixStrategy;
}

/** What a fix did, or would do. */
export interface FixOutcome {
  readonly id: string;
  readonly strategy: FixStrategy;
  readonly dryRun: boolean;
  /** False when the error had that fix already, or when it was a dry run. */
  readonly changed: boolean;
  readonly previousStatus: Status;
  readonly status: Status;
  readonly note: string;
}

/** The sample error tracker: generated records and what was done to them since the start. */
export interface ErrorStore {
  list(filter: ErrorFilter, limit: number, cursor: string | undefined): ErrorPage;
  analyze(id: string): ErrorAnalysis;
  fix(id: string, strategy: FixStrategy, dryRun: boolean): FixOutcome;
}

/** A mistake of the caller, with a message that helps to correct it. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
}

const MAX_SIMILAR = 10;

/** Makes a store of `count` records that are the same at every start. */
export function createErrorStore(count: number): ErrorStore {
  const records = new Map(createErrorRecords(count).map((record) => [record.id, record]));
  const groups = Map.groupBy(records.values(), ({ fingerprint }) => fingerprint);
  const fixes = new Map<string, FixStrategy>();

  function require(id: string): ErrorRecord {
    const record = records.get(id);
    if (record !== undefined) return record;
    const last = `ERR-${String(count).padStart(5, "0")}`;
    throw new BadRequest(
      `There is no error ${JSON.stringify(id)}. Ids go from ERR-00001 to ${last}; list_errors returns them.`,
    );
  }

  return {
    list(filter, limit, cursor) {
      const matches = filterRecords([...records.values()], filter);
      const start = readCursor(cursor, matches.length);
      const errors = matches.slice(start, start + limit);
      const end = start + errors.length;
      return { errors, total: matches.length, nextCursor: end < matches.length ? `offset:${end}` : null };
    },
    analyze(id) {
      const record = require(id);
      const mode = FAILURE_MODES.find(({ code }) => code === record.code);
      if (mode === undefined) throw new BadRequest(`No analysis is known for the code ${record.code}.`);
      const similar = groups.get(record.fingerprint) ?? [];
      return {
        id,
        probableCause: mode.cause,
        confidence: Math.min(0.99, Number((0.6 + similar.length / 500).toFixed(2))),
        similarIds: similar
          .filter((other) => other.id !== id)
          .slice(0, MAX_SIMILAR)
          .map((other) => other.id),
        affectedUsersTotal: similar.reduce((sum, { usersAffected }) => sum + usersAffected, 0),
        suggestedFix: mode.fix,
        suggestedStrategy: mode.strategy,
      };
    },
    fix(id, strategy, dryRun) {
      const record = require(id);
      const done = fixes.get(id) === strategy && record.status === "resolved";
      const outcome = { id, strategy, dryRun, previousStatus: record.status };
      if (done)
        return {
          ...outcome,
          changed: false,
          status: record.status,
          note: "This fix was applied before; nothing to do.",
        };
      if (dryRun)
        return {
          ...outcome,
          changed: false,
          status: record.status,
          note: `Would apply ${strategy} and set the status to resolved.`,
        };
      fixes.set(id, strategy);
      records.set(id, { ...record, status: "resolved" });
      return {
        ...outcome,
        changed: true,
        status: "resolved",
        note: `Applied ${strategy}; the status is now resolved.`,
      };
    },
  };
}

function filterRecords(records: readonly ErrorRecord[], filter: ErrorFilter): readonly ErrorRecord[] {
  const query = filter.query?.toLowerCase();
  const since = filter.since === undefined ? undefined : Date.parse(filter.since);
  if (since !== undefined && Number.isNaN(since)) {
    throw new BadRequest(
      `since is ${JSON.stringify(filter.since)}; write a moment as ISO 8601, such as "2026-11-01T00:00:00Z".`,
    );
  }
  return records.filter(
    (record) =>
      (filter.service === undefined || record.service === filter.service) &&
      (filter.severity === undefined || record.severity === filter.severity) &&
      (filter.status === undefined || record.status === filter.status) &&
      (filter.code === undefined || record.code === filter.code) &&
      (filter.environment === undefined || record.environment === filter.environment) &&
      (since === undefined || Date.parse(record.lastSeen) >= since) &&
      (query === undefined ||
        `${record.message}\n${record.culprit}\n${record.route}`.toLowerCase().includes(query)),
  );
}

function readCursor(cursor: string | undefined, total: number): number {
  if (cursor === undefined) return 0;
  const offset = Number(/^offset:(\d{1,9})$/.exec(cursor)?.[1] ?? Number.NaN);
  if (Number.isNaN(offset) || offset > total) {
    throw new BadRequest(
      `The cursor ${JSON.stringify(cursor)} is none of this list. Pass the nextCursor of the page before, with the same filters.`,
    );
  }
  return offset;
}
