import { OptimizerError } from "../../base/errors.ts";
import { isJsonObject, parseJson } from "../../base/json.ts";
import type { ContextBackend, ContextRecord } from "../../context/context-backend.ts";
import { type AuditHead, parseRecord, writeRecord } from "./audit-record.ts";
import { type AuditStore, type AuditTrail, createAuditTrail } from "./audit-trail.ts";

/** Options of {@link audit}. */
export interface AuditOptions {
  /** Records that are kept; when there are more, the oldest tenth goes and a record says so. Default 100,000. */
  readonly maxRecords?: number;
}

const HEAD = "audit";
const PREFIX = "audit ";

/**
 * An audit log in a backend of its own, such as `indexedDb({ name: "audit" })`: all tabs of the origin write one chain.
 * The trail owns the backend. Where the database can't be opened the log is in memory, as the backend's `health` says.
 */
export function audit(backend: ContextBackend, { maxRecords = 100_000 }: AuditOptions = {}): AuditTrail {
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 10) {
    throw new OptimizerError(`maxRecords is ${String(maxRecords)}.`, {
      code: 400,
      kind: "invalid_options",
      hint: "Give a whole number of at least 10.",
    });
  }
  return createAuditTrail(new BackendStore(backend, maxRecords));
}

class BackendStore implements AuditStore {
  readonly #backend: ContextBackend;
  readonly #maxRecords: number;

  constructor(backend: ContextBackend, maxRecords: number) {
    this.#backend = backend;
    this.#maxRecords = maxRecords;
  }

  async head(): Promise<AuditHead | undefined> {
    const [value] = await this.#backend.read([HEAD]);
    return readHead(value);
  }

  append(before: AuditHead, records: readonly Parameters<typeof writeRecord>[0][]): Promise<boolean> {
    return this.#backend.change([HEAD], ([value]) => {
      if ((readHead(value)?.hash ?? before.hash) !== before.hash) return { result: false };
      const last = records.at(-1) ?? before;
      const written = new Map<string, ContextRecord | undefined>(
        records.map((record) => [keyOf(record.seq), writeRecord(record)]),
      );
      written.set(HEAD, JSON.stringify({ seq: last.seq, hash: last.hash }));
      return { records: written, result: true };
    });
  }

  async *lines(): AsyncGenerator<string> {
    for (const key of await this.#keys()) {
      const [value] = await this.#backend.read([key]);
      // One that was let go meanwhile; anything else that is no text shows as a line that is no record.
      if (value !== undefined) yield typeof value === "string" ? value : "";
    }
  }

  async findSurplus(): Promise<AuditHead | undefined> {
    const keys = await this.#keys();
    if (keys.length <= this.#maxRecords) return undefined;
    const [value] = await this.#backend.read([
      keys[keys.length - Math.floor(this.#maxRecords * 0.9) - 1] ?? "",
    ]);
    const record = parseRecord(value);
    return record === undefined ? undefined : { seq: record.seq, hash: record.hash };
  }

  async drop(until: AuditHead): Promise<void> {
    const keys = (await this.#keys()).filter((key) => key <= keyOf(until.seq));
    await this.#backend.change([], () => ({
      records: new Map(keys.map((key) => [key, undefined])),
      result: undefined,
    }));
  }

  async #keys(): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const key of this.#backend.keys(PREFIX)) keys.push(key);
    return keys.sort();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#backend[Symbol.asyncDispose]();
  }
}

function keyOf(seq: number): string {
  return PREFIX + String(seq).padStart(16, "0");
}

function readHead(value: unknown): AuditHead | undefined {
  if (value === undefined) return undefined;
  const fields = typeof value === "string" ? parseJson(value) : undefined;
  if (isJsonObject(fields) && typeof fields.seq === "number" && typeof fields.hash === "string")
    return { seq: fields.seq, hash: fields.hash };
  throw new OptimizerError("The audit log's head can't be read.", {
    code: 403,
    kind: "integrity",
    hint: "Export the log, verify it, and begin another.",
  });
}
