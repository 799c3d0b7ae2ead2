import { findOptimizerError } from "../base/errors.ts";
import type { GuestPort, Language, Program } from "../protocol/guest-protocol.ts";
import { addModulesHint } from "../protocol/modules-hint.ts";
import { createFreezer } from "./freezer.ts";
import { runGuest } from "./guest-run.ts";
import type { Limits } from "./limits.ts";
import type { ProcessChannel } from "./process-channel.ts";
import { type ProgramParser, parseProgram } from "./program-parser.ts";
import { type Resumption, requireResumption } from "./resumption.ts";
import type { RunOutcome, SandboxRunOptions, SandboxSession } from "./sandbox.ts";
import { closedError, type WorkerPool } from "./worker-pool.ts";

/** A process serves one run. */
export const RUN = "r1";

/** What takes its parser neither time nor memory worth a word. A longer program takes those of its own process. */
const PARSED_CHARACTERS = 32 * 1024;

export interface ProcessSessionOptions {
  readonly pool: WorkerPool<ProcessChannel>;
  readonly session: string;
  readonly limits: Limits;
  /** Parses short programs in JavaScript before they reach a process. Absent: the process does. */
  readonly parser?: ProgramParser;
  /** Aborts when the sandbox is disposed. */
  readonly closing: AbortSignal;
  /** What the runtime of a language holds beside a program's memory, at the most. Bytes. */
  readonly runtimeBytes: (language: Language) => number;
  /** Digests of all that a snapshot of a guest depends on. Absent: the runtime freezes no guests. */
  readonly frozenBy?: readonly string[];
  /** Ends a process after its run. Never throws. */
  end(channel: ProcessChannel): void;
}

/** The runs of a session in processes, a fresh one for each. */
export function openProcessSession(options: ProcessSessionOptions): Pick<SandboxSession, "run" | "resume"> {
  const { pool, session, limits, parser, closing, frozenBy } = options;

  const drive = async (
    program: Program,
    port: GuestPort,
    signal: AbortSignal,
    runOptions: SandboxRunOptions,
    resumption?: Resumption,
  ): Promise<RunOutcome> => {
    const { onIdle } = runOptions;
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
      ...(frozenBy === undefined ? {} : { freezer: createFreezer(frozenBy, session, program, runOptions) }),
      ...(resumption === undefined ? {} : { resumption }),
    });
    options.end(channel);
    pool.give(channel);
    return outcome;
  };

  return {
    async run(program, port, signal, runOptions = {}) {
      if (closing.aborted) throw closedError();
      const parses = program.language !== "python" && program.code.length <= PARSED_CHARACTERS;
      if (parser === undefined || !parses) return drive(program, port, signal, runOptions);
      const ready = await parseProgram(parser, program, { limits, signal, closing });
      if (!("status" in ready)) return drive(ready, port, signal, runOptions);
      const outcome = ready.status === "threw" ? { ...ready, error: addModulesHint(ready.error) } : ready;
      return { ...outcome, peakMemoryBytes: 0 };
    },
    ...(frozenBy === undefined
      ? {}
      : {
          async resume(frozen, port, signal, runOptions = {}) {
            if (closing.aborted) throw closedError();
            const resumption = await requireResumption(frozen, runOptions, { frozenBy, session });
            return drive(frozen.program, port, signal, runOptions, resumption);
          },
        }),
  };
}
