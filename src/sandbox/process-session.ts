import { findOptimizerError } from "../base/errors.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import { runGuest } from "./guest-run.ts";
import type { Limits } from "./limits.ts";
import type { ProcessChannel } from "./process-channel.ts";
import type { SandboxSession } from "./sandbox.ts";
import { closedError, type WorkerPool } from "./worker-pool.ts";

/** A process serves one run. */
export const RUN = "r1";

export interface ProcessSessionOptions {
  readonly pool: WorkerPool<ProcessChannel>;
  readonly session: string;
  readonly limits: Limits;
  /** Aborts when the sandbox is disposed. */
  readonly closing: AbortSignal;
  /** What the runtime of a language holds beside a program's memory, at the most. Bytes. */
  readonly runtimeBytes: (language: Language) => number;
  /** Ends a process after its run. Never throws. */
  end(channel: ProcessChannel): void;
}

/** The runs of a session in processes, a fresh one for each. */
export function openProcessSession(options: ProcessSessionOptions): Pick<SandboxSession, "run"> {
  const { pool, session, limits, closing } = options;
  return {
    async run(program, port, signal, { onIdle } = {}) {
      if (closing.aborted) throw closedError();
      let channel: ProcessChannel;
      try {
        channel = await pool.take(signal, session);
      } catch (error) {
        if (!signal.aborted) throw error;
        const message = findOptimizerError(error)?.message ?? "The run was cancelled.";
        return { status: "stopped", reason: "cancelled", message, peakMemoryBytes: 0 };
      }
      const ending = AbortSignal.any([signal, closing]);
      const outcome = await runGuest(channel, RUN, program, port, limits, ending, {
        ceilingBytes: limits.memoryBytes + options.runtimeBytes(program.language),
        ...(onIdle === undefined ? {} : { onIdle }),
      });
      options.end(channel);
      pool.give(channel);
      return outcome;
    },
  };
}
