/** A thread of ours that answers one question at a time; nothing of a guest runs in it. */
export interface ThreadService<Command> {
  /** Starts the thread ahead. */
  prepare(): Promise<void>;
  /**
   * Asks when all questions before were answered. Rejects when the thread dies, when `read` throws, and
   * when `signal` aborts, which ends the thread: it may be at work on this question for ever.
   */
  ask<T>(command: Command, read: (data: unknown) => T, signal?: AbortSignal): Promise<T>;
  /** Ends the thread; the next question starts another. */
  end(): void;
}
