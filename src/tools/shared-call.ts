import { OptimizerError } from "../base/errors.ts";
import type { ToolCallOptions, ToolDefinition } from "./tool.ts";
import type { ToolAnswer } from "./tool-answer.ts";

type ProgressListener = NonNullable<ToolCallOptions["onProgress"]>;

/**
 * One request under way, on which several callers wait.
 *
 * A caller that gives up leaves the others alone; when the last one did, the request is aborted.
 */
export class SharedCall {
  /** The tool as it was when the request was sent. */
  readonly definition: ToolDefinition;
  readonly #answer: Promise<ToolAnswer>;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<ProgressListener>();
  #waiting = 0;

  constructor(definition: ToolDefinition, send: (options: ToolCallOptions) => Promise<ToolAnswer>) {
    this.definition = definition;
    this.#answer = send({
      signal: this.#stop.signal,
      onProgress: (progress) => {
        for (const listener of this.#listeners) listener(progress);
      },
    });
    // Callers that gave up hear of no failure.
    this.#answer.catch(() => {});
  }

  /** Everyone gave up: no one may join any more. */
  get abandoned(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Resolves or rejects as the request does; rejects with 408 `cancelled` when the caller's signal aborts first. */
  async join(name: string, { signal, onProgress }: ToolCallOptions): Promise<ToolAnswer> {
    this.#waiting += 1;
    // Each caller's own function: two may have passed the same one.
    const listener: ProgressListener = (progress) => onProgress?.(progress);
    this.#listeners.add(listener);
    let abort = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(new OptimizerError(`${name} was cancelled.`, { code: 408, kind: "cancelled" }));
    });
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await Promise.race([this.#answer, aborted]);
    } finally {
      signal.removeEventListener("abort", abort);
      this.#listeners.delete(listener);
      this.#waiting -= 1;
      // After the answer came this aborts nothing.
      if (this.#waiting === 0) this.#stop.abort();
    }
  }
}
