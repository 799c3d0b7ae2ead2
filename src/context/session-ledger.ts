import type { ContextBackend } from "./context-backend.ts";
import type { ContextLimits } from "./context-limits.ts";
import { type SessionKeys, TOTALS_KEY } from "./record-keys.ts";
import type { SessionDraft } from "./session-draft.ts";
import { formatIndex, parseIndex, type SessionIndex } from "./session-index.ts";
import { countSessions, type KeptSession, readableIndex, sessionsToEvict } from "./session-room.ts";
import { type StepOutcome, stepSession, storageFull } from "./session-step.ts";

export interface SessionLedgerOptions {
  readonly backend: ContextBackend;
  readonly limits: ContextLimits;
  readonly now: () => number;
  readonly useDelayMs: number;
}

/** Changes a session: `records` are those of the values that were asked for. May be called several times for one change. */
export type SessionEdit<Result> = (draft: SessionDraft, records: readonly unknown[]) => Result;

/** Attempts to make room for one change while others take it. */
const MAX_ROUNDS = 20;

/** Indexes whose parsed form is remembered by their text: one session is usually asked many times in a row. */
const REMEMBERED = 8;

/** Reads and changes sessions over a backend, and keeps the account of their sizes and their last use. */
export class SessionLedger {
  readonly #options: SessionLedgerOptions;
  readonly #remembered = new Map<string, SessionIndex>();
  /** When sessions were read, as long as that is not written. By the key of their index. */
  readonly #uses = new Map<string, number>();
  #lastTurn: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionLedgerOptions) {
    this.#options = options;
  }

  /** The index and one value of a session, as they were at one moment. The session counts as used. */
  async read(
    keys: SessionKeys,
    name?: string,
  ): Promise<{ readonly index: SessionIndex | undefined; readonly record: unknown }> {
    const { backend } = this.#options;
    const wanted = name === undefined ? [keys.index] : [keys.index, `${keys.prefix}${name}`];
    const [text, record] = await backend.read(wanted);
    const index = this.#parse(text);
    if (index !== undefined) this.#noteUse(keys);
    return { index, record };
  }

  /** Changes a session in one atomic step. Rejects with 429 when it does not fit, and with what `edit` throws. */
  async change<Result>(
    keys: SessionKeys,
    names: readonly string[],
    edit: SessionEdit<Result>,
  ): Promise<Result> {
    const outcome = await this.#attempt(keys, names, edit, []);
    if (outcome.type === "done") return outcome.result;
    // One after the other: those that need room would take it from each other.
    const turn = this.#lastTurn.then(() => this.#changeInTurn(keys, names, edit, outcome));
    this.#lastTurn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  /** When a session was last used, as far as this page knows. */
  lastUse({ keys, index }: KeptSession): number {
    return Math.max(index.lastUsedAt, this.#uses.get(keys.index) ?? 0);
  }

  /** Writes when sessions were read. */
  async writeUses(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [key, lastUsedAt] of [...this.#uses]) {
      await this.#options.backend.change([key], ([record]) => {
        const index = this.#parse(record);
        if (index === undefined || index.lastUsedAt >= lastUsedAt) return { result: undefined };
        return { records: new Map([[key, formatIndex({ ...index, lastUsedAt })]]), result: undefined };
      });
      // It may have been read again meanwhile.
      if (this.#uses.get(key) === lastUsedAt) this.#uses.delete(key);
    }
  }

  async #changeInTurn<Result>(
    keys: SessionKeys,
    names: readonly string[],
    edit: SessionEdit<Result>,
    first: StepOutcome<Result>,
  ): Promise<Result> {
    const { backend, limits, now } = this.#options;
    let outcome = first;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (outcome.type === "done") return outcome.result;
      // Too little could go for what the count says: the count may be wrong.
      if (outcome.type === "needs_count" || round > 0) await countSessions(backend);
      const sessions = await sessionsToEvict(backend, keys, now(), (session) => this.lastUse(session));
      if (sessions.length === 0 && round > 1) break;
      outcome = await this.#attempt(keys, names, edit, enoughOf(sessions, outcome));
    }
    throw storageFull(limits);
  }

  async #attempt<Result>(
    keys: SessionKeys,
    names: readonly string[],
    edit: SessionEdit<Result>,
    candidates: readonly KeptSession[],
  ): Promise<StepOutcome<Result>> {
    const { backend, limits, now } = this.#options;
    const wanted = [
      TOTALS_KEY,
      keys.index,
      ...names.map((name) => `${keys.prefix}${name}`),
      ...candidates.map((candidate) => candidate.keys.index),
    ];
    const outcome = await backend.change(wanted, ([totals, text, ...records]) =>
      stepSession({
        keys,
        limits,
        now: now(),
        totals,
        index: this.#parse(text),
        edit: (draft) => edit(draft, records.slice(0, names.length)),
        victims: candidates.map((candidate, at) => ({
          keys: candidate.keys,
          index: unusedSince(candidate, records[names.length + at]),
        })),
        onIndex: (written, index) => this.#remember(written, index),
      }),
    );
    if (outcome.type === "done") this.#uses.delete(keys.index);
    return outcome;
  }

  #noteUse(keys: SessionKeys): void {
    this.#uses.set(keys.index, this.#options.now());
    // The time of a reading is worth no error: without it the session may go a little early.
    this.#timer ??= setTimeout(() => void this.writeUses().catch(() => undefined), this.#options.useDelayMs);
  }

  #parse(text: unknown): SessionIndex | undefined {
    if (typeof text !== "string") return parseIndex(text);
    const known = this.#remembered.get(text);
    if (known !== undefined) return known;
    const index = parseIndex(text);
    if (index !== undefined) this.#remember(text, index);
    return index;
  }

  #remember(text: string, index: SessionIndex): void {
    this.#remembered.delete(text);
    this.#remembered.set(text, index);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
  }
}

/** Sessions beyond what it takes, for those that turn out to be in use. */
const SPARE = 8;

/** As many sessions as may have to go, and a few more. */
function enoughOf(sessions: readonly KeptSession[], outcome: StepOutcome<unknown>): readonly KeptSession[] {
  if (outcome.type !== "needs_room") return [];
  let bytes = 0;
  const needed = sessions.findIndex((session, at) => {
    bytes += session.index.bytes;
    return bytes >= outcome.bytes && at + 1 >= outcome.sessions;
  });
  return needed < 0 ? sessions : sessions.slice(0, needed + 1 + SPARE);
}

/** The index of a candidate, unless another tab has used it since: then it is not the one unused longest any more. */
function unusedSince(candidate: KeptSession, record: unknown): SessionIndex | undefined {
  const index = readableIndex(record);
  return index?.lastUsedAt === candidate.index.lastUsedAt ? index : undefined;
}
