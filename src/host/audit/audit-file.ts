// What crosses here: an audit log on disk, which others may have changed since it was written.

import { type FileHandle, open, rename } from "node:fs/promises";
import { createInterface } from "node:readline";
import { OptimizerError } from "../../base/errors.ts";
import { type AuditHead, hashOf, parseRecord, writeRecord } from "../../telemetry/audit/audit-record.ts";
import { type AuditStore, type AuditTrail, createAuditTrail } from "../../telemetry/audit/audit-trail.ts";

/** Options of {@link auditFile}. */
export interface AuditFileOptions {
  /** When the file is larger, the older half of its records goes and a record says so. Bytes, default 256 MiB. */
  readonly maxBytes?: number;
}

/** The longest record: names have limits. Bytes. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * An audit log in a file, readable by its user alone: one JSON record a line, on disk before it counts as written.
 *
 * One host writes one file. Rejects with 403 `integrity` when the last record of an existing file is not what was
 * written: then somebody has to look at it and move it away. Rejects with 400 where the file can't be opened.
 */
export async function auditFile(file: string, options: AuditFileOptions = {}): Promise<AuditTrail> {
  const { maxBytes = 256 * 1024 * 1024 } = options;
  return createAuditTrail(await FileStore.open(file, maxBytes));
}

class FileStore implements AuditStore {
  readonly tornBytes: number | undefined;
  readonly #file: string;
  readonly #maxBytes: number;
  #handle: FileHandle;
  #head: AuditHead | undefined;
  /** Size of what is ours in it. Bytes. */
  #size: number;

  private constructor(file: string, maxBytes: number, handle: FileHandle, tail: Tail) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#handle = handle;
    this.#head = tail.head;
    this.#size = tail.size;
    this.tornBytes = tail.tornBytes;
  }

  static async open(file: string, maxBytes: number): Promise<FileStore> {
    const handle = await openFile(file);
    try {
      return new FileStore(file, maxBytes, handle, await readTail(handle, file));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async head(): Promise<AuditHead | undefined> {
    return this.#head;
  }

  async append(before: AuditHead, records: readonly Parameters<typeof writeRecord>[0][]): Promise<boolean> {
    const { size } = await this.#handle.stat();
    if (size !== this.#size) throw changed(this.#file);
    const bytes = Buffer.from(records.map((record) => `${writeRecord(record)}\n`).join(""));
    try {
      await this.#handle.appendFile(bytes);
      await this.#handle.datasync();
    } catch (error) {
      // Half of it may be there: the next try begins where this one did.
      await this.#handle.truncate(this.#size).catch(() => undefined);
      throw error;
    }
    const last = records.at(-1) ?? before;
    this.#head = { seq: last.seq, hash: last.hash };
    this.#size += bytes.length;
    return true;
  }

  lines(): AsyncIterable<string> {
    return readLines(this.#file);
  }

  async findSurplus(): Promise<AuditHead | undefined> {
    if (this.#size <= this.#maxBytes) return undefined;
    let bytes = 0;
    for await (const line of this.lines()) {
      bytes += Buffer.byteLength(line) + 1;
      const record = parseRecord(line);
      if (bytes >= this.#size / 2 && record !== undefined) return { seq: record.seq, hash: record.hash };
    }
    return undefined;
  }

  async drop(until: AuditHead): Promise<void> {
    const next = `${this.#file}.next`;
    const handle = await open(next, "w", 0o600);
    for await (const line of this.lines()) {
      if ((parseRecord(line)?.seq ?? Number.POSITIVE_INFINITY) > until.seq)
        await handle.appendFile(`${line}\n`);
    }
    await handle.datasync();
    await handle.close();
    await rename(next, this.#file);
    await this.#handle.close();
    this.#handle = await openFile(this.#file);
    this.#size = (await this.#handle.stat()).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** The lines of a log. */
export async function* readLines(file: string): AsyncGenerator<string> {
  const handle = await open(file, "r");
  try {
    yield* createInterface({ input: handle.createReadStream({ autoClose: false }), crlfDelay: Infinity });
  } finally {
    await handle.close();
  }
}

interface Tail {
  readonly head: AuditHead | undefined;
  readonly size: number;
  readonly tornBytes: number | undefined;
}

/** Finds the last record, and takes what a crash left behind it away: it was never acknowledged. */
async function readTail(handle: FileHandle, file: string): Promise<Tail> {
  const { size } = await handle.stat();
  const start = Math.max(0, size - 2 * MAX_LINE_BYTES);
  const bytes = Buffer.alloc(size - start);
  await handle.read(bytes, 0, bytes.length, start);
  const end = bytes.lastIndexOf(10) + 1;
  const torn = bytes.length - end;
  if (torn > MAX_LINE_BYTES) throw changed(file);
  if (torn > 0) await handle.truncate(size - torn);
  const tornBytes = torn === 0 ? undefined : torn;
  if (start + end === 0) return { head: undefined, size: 0, tornBytes };
  const from = end < 2 ? 0 : bytes.lastIndexOf(10, end - 2) + 1;
  const record = parseRecord(bytes.toString("utf8", from, end - 1));
  if (record === undefined || (await hashOf(record)) !== record.hash) throw changed(file);
  return { head: { seq: record.seq, hash: record.hash }, size: start + end, tornBytes };
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, "a+", 0o600);
  } catch (cause) {
    throw new OptimizerError(`The audit log ${file} can't be opened.`, {
      code: 400,
      kind: "invalid_options",
      hint: "Name a file in a folder that this user may write to.",
      cause,
    });
  }
}

function changed(file: string): OptimizerError {
  return new OptimizerError(`The audit log ${file} was changed by somebody else.`, {
    code: 403,
    kind: "integrity",
    hint: "Look at it with mcp-optimizer audit verify, keep it, and begin another file.",
  });
}
