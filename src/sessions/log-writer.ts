import { findOptimizerError } from "../base/errors.ts";
import { MAX_RUNS, type RunRecord } from "./run-log.ts";

export interface LogWriterOptions {
  /** Adds runs to the log of a session. */
  readonly append: (session: string, records: readonly RunRecord[]) => Promise<void>;
  /** How long runs wait for company. Milliseconds. */
  readonly delayMs: number;
}

/** Writes what runs did behind them: no run waits for it. Disposing it writes the rest. */
export class LogWriter implements AsyncDisposable {
  readonly #options: LogWriterOptions;
  readonly #pending = new Map<string, readonly RunRecord[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  note(session: string, record: RunRecord): void {
    this.#keep(session, [...(this.#pending.get(session) ?? []), record]);
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.delayMs);
  }

  /** Resolves when what was noted until now is written, or can't be. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(async () => {
      const pending = [...this.#pending];
      this.#pending.clear();
      await Promise.all(pending.map(([session, records]) => this.#write(session, records)));
    });
    return this.#writing;
  }

  async #write(session: string, records: readonly RunRecord[]): Promise<void> {
    try {
      await this.#options.append(session, records);
    } catch (error) {
      // A session that is gone has its log in the archive. Where there is no room, or no database for a while,
      // the next flush tries again.
      if (findOptimizerError(error)?.code === 400) return;
      this.#keep(session, [...records, ...(this.#pending.get(session) ?? [])]);
    }
  }

  #keep(session: string, records: readonly RunRecord[]): void {
    this.#pending.set(session, records.slice(-MAX_RUNS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}
