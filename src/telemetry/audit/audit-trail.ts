import { messageOf } from "../../base/errors.ts";
import { VERSION } from "../../version.ts";
import { type AuditEntry, type AuditHead, type AuditRecord, GENESIS, sealRecord } from "./audit-record.ts";

/** One place that records are kept in, in order. */
export interface AuditStore extends AsyncDisposable {
  /** What a crash left of half a record was taken away when the store was opened. Bytes. */
  readonly tornBytes?: number | undefined;
  /** Rejects with 403 `integrity` when the last record is not what was written. */
  head(): Promise<AuditHead | undefined>;
  /** Adds records behind `before`, all or none. Resolves with whether they were: somebody else may have been faster. */
  append(before: AuditHead, records: readonly AuditRecord[]): Promise<boolean>;
  /** Lines, the oldest first. */
  lines(): AsyncIterable<string>;
  /** The record up to which all may go, if there are too many now. */
  findSurplus(): Promise<AuditHead | undefined>;
  drop(until: AuditHead): Promise<void>;
}

/** A log that only grows, each record chained to the one before. */
export interface AuditTrail extends AsyncDisposable {
  /** Takes a record in. No run waits for it: it is written within some 50 milliseconds, or when there is room again. */
  note(entry: AuditEntry): void;
  /** Resolves when what was noted until now is written, or can't be. */
  flush(): Promise<void>;
  /** Why records are not written now; absent while they are. */
  readonly failure: string | undefined;
  /** The last record, to be kept somewhere else. Absent before the first. */
  head(): Promise<AuditHead | undefined>;
  /** All records, one JSON text a line, the oldest first: what `mcp-optimizer audit verify` reads. */
  lines(): AsyncIterable<string>;
}

/** Records wait this long for company. Milliseconds. */
const DELAY_MS = 50;
/** What can't be written waits so long before it is tried again. Milliseconds. */
const AGAIN_MS = 2_000;
/** Records that wait while the store is away; of later ones only the number is kept. */
const MAX_WAITING = 10_000;
/** Writes between two looks at how many records there are. */
const WRITES_PER_LOOK = 20;

/** Chains records and writes them behind the runs. Disposing it writes the rest, and closes the store. */
export function createAuditTrail(store: AuditStore, now: () => number = Date.now): AuditTrail {
  let waiting: { readonly at: number; readonly entry: AuditEntry }[] = [];
  let lost = 0;
  let isOpened = false;
  let failure: string | undefined;
  let writes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();
  let isClosed = false;

  /** Resolves with the last of the records, which are sealed anew where another page was faster. */
  const append = async (entries: typeof waiting): Promise<void> => {
    for (;;) {
      const before = (await store.head()) ?? GENESIS;
      let last = before;
      const records: AuditRecord[] = [];
      for (const { at, entry } of entries) {
        const record = await sealRecord(last, at, entry);
        records.push(record);
        last = record;
      }
      if (await store.append(before, records)) return;
    }
  };

  const write = async (): Promise<void> => {
    const taken = waiting;
    const missing = lost;
    if (taken.length === 0 && missing === 0) return;
    waiting = [];
    lost = 0;
    const { tornBytes } = store;
    const first: typeof waiting = isOpened
      ? []
      : [
          {
            at: now(),
            entry: { type: "opened", version: VERSION, ...(tornBytes === undefined ? {} : { tornBytes }) },
          },
        ];
    const gap: typeof waiting =
      missing === 0 ? [] : [{ at: now(), entry: { type: "lost", records: missing } }];
    try {
      await append([...first, ...taken, ...gap]);
      isOpened = true;
      failure = undefined;
    } catch (error) {
      failure = messageOf(error);
      const all = [...taken, ...waiting];
      waiting = all.slice(0, MAX_WAITING);
      lost += missing + all.length - waiting.length;
      if (!isClosed) later(AGAIN_MS);
      return;
    }
    writes += 1;
    // What can't go now goes another time.
    if (writes % WRITES_PER_LOOK === 1) await letGo().catch(() => undefined);
  };

  /** Says which records go before they do. */
  const letGo = async (): Promise<void> => {
    const surplus = await store.findSurplus();
    if (surplus === undefined) return;
    await append([{ at: now(), entry: { type: "retention", ...surplus } }]);
    await store.drop(surplus);
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  };

  const later = (ms: number): void => {
    timer ??= setTimeout(() => void flush(), ms);
  };

  return {
    note(entry) {
      if (isClosed) return;
      if (waiting.length >= MAX_WAITING) lost += 1;
      else waiting.push({ at: now(), entry });
      later(failure === undefined ? DELAY_MS : AGAIN_MS);
    },
    flush,
    get failure() {
      return failure;
    },
    head: () => store.head(),
    lines: () => store.lines(),
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      isClosed = true;
      await flush();
      await store[Symbol.asyncDispose]();
    },
  };
}
