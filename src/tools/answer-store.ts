import { textBytes } from "../base/text.ts";
import type { ToolDefinition, ToolSource } from "./tool.ts";
import type { ToolAnswer } from "./tool-answer.ts";

/** One answer that may be given again. */
export interface StoredAnswer {
  readonly answer: ToolAnswer;
  readonly source: ToolSource;
  /** The tool as it was when it answered. */
  readonly definition: ToolDefinition;
  /** By the clock of {@link AnswerStoreOptions}. Milliseconds. */
  readonly storedAt: number;
  readonly ttlMs: number;
}

export interface AnswerStoreOptions {
  readonly maxEntries: number;
  /** Keys and answers together, as UTF-8. Bytes. */
  readonly maxBytes: number;
  /** Wall-clock time, which goes on while the machine sleeps. Milliseconds. */
  readonly now: () => number;
}

/** One answer may take this part of the store: else a single large one would push out all others. */
const LARGEST_PART = 1 / 4;

/** Answers by key, within a number and a size; the one unused longest goes first. */
export class AnswerStore {
  readonly #options: AnswerStoreOptions;
  /** In the order of their last use. */
  readonly #entries = new Map<string, StoredAnswer & { readonly bytes: number }>();
  #bytes = 0;

  constructor(options: AnswerStoreOptions) {
    this.#options = options;
  }

  get entries(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The answer while it is fresh; afterwards it is dropped. */
  get(key: string): StoredAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const age = this.#options.now() - entry.storedAt;
    this.#delete(key);
    // A clock that was set back would keep it for longer than was asked for.
    if (age < 0 || age >= entry.ttlMs) return undefined;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  /** Keeps an answer, unless it is too large. */
  set(key: string, entry: Omit<StoredAnswer, "storedAt">): void {
    this.#delete(key);
    const { maxBytes, maxEntries, now } = this.#options;
    const bytes = entry.answer.size + textBytes(key);
    if (bytes > maxBytes * LARGEST_PART) return;
    this.#entries.set(key, { ...entry, storedAt: now(), bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= maxBytes && this.#entries.size <= maxEntries) return;
      this.#delete(oldest);
    }
  }

  /** Drops what came from the sources that `isMeant` picks. */
  deleteFrom(isMeant: (source: ToolSource) => boolean): void {
    for (const [key, { source }] of this.#entries) if (isMeant(source)) this.#delete(key);
  }

  #delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
