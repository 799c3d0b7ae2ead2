import type { Program, ProgramError, RuntimeOutcome } from "../protocol/guest-protocol.ts";
import { type ParseCommand, type PreparedProgram, parsePrepared } from "../protocol/prepared-program.ts";
import type { Limits } from "./limits.ts";
import type { ThreadService } from "./thread-service.ts";
import { closedError } from "./worker-pool.ts";

/** Parses programs of JavaScript and TypeScript beside those who run them, so that no runtime needs a parser. */
export interface ProgramParser {
  prepare(): Promise<void>;
  /** A syntax error comes back as data. Rejects when `signal` aborts, and when the parser fails twice. */
  parse(
    program: Pick<Program, "language" | "code">,
    signal: AbortSignal,
  ): Promise<PreparedProgram | ProgramError>;
  /** Ends its thread; the next program starts another. */
  end(): void;
}

/** Programs repeat, as intents do: so many are remembered, up to this length. */
const KNOWN_PROGRAMS = 64;
const KNOWN_CHARACTERS = 32 * 1024;

/** A longer program gets a parser of its own: others need not wait until it is read. */
const SHARED_CHARACTERS = 256 * 1024;

/** `createService` starts a thread that answers a {@link ParseCommand} as `parser-worker.ts` does. */
export function createProgramParser(createService: () => ThreadService<ParseCommand>): ProgramParser {
  const known = new Map<string, PreparedProgram | ProgramError>();
  const shared = createService();

  const parse = async (
    command: ParseCommand,
    signal: AbortSignal,
  ): Promise<PreparedProgram | ProgramError> => {
    if (command.code.length > SHARED_CHARACTERS) {
      const own = createService();
      try {
        return await own.ask(command, parsePrepared, signal);
      } finally {
        own.end();
      }
    }
    return shared.ask(command, parsePrepared, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      // It died: what is asked is not to blame before it has failed a second one.
      return shared.ask(command, parsePrepared, signal);
    });
  };

  return {
    prepare: () => shared.prepare(),
    async parse({ language, code }, signal) {
      const key = `${language} ${code}`;
      const found = known.get(key);
      if (found !== undefined) return found;
      const prepared = await parse(
        { type: "parse", language: language === "typescript" ? "typescript" : "javascript", code },
        signal,
      );
      if (code.length <= KNOWN_CHARACTERS) {
        const [oldest] = known.keys();
        if (known.size >= KNOWN_PROGRAMS && oldest !== undefined) known.delete(oldest);
        known.set(key, prepared);
      }
      return prepared;
    },
    end: () => shared.end(),
  };
}

/** What ends a run that was cancelled before it started. */
export const CANCELLED = {
  status: "stopped",
  reason: "cancelled",
  message: "The run was cancelled before it started.",
} as const;

/** The program with what its parser made of it, or how the run ends without ever starting. */
export async function parseProgram(
  parser: ProgramParser,
  program: Program,
  { limits, signal, closing }: { limits: Limits; signal: AbortSignal; closing: AbortSignal },
): Promise<Program | RuntimeOutcome | typeof CANCELLED> {
  let time: AbortSignal | undefined;
  try {
    // A thread that has to start takes none of the program's time.
    await parser.prepare();
    time = AbortSignal.timeout(limits.timeoutMs);
    const prepared = await parser.parse(program, AbortSignal.any([signal, closing, time]));
    return "source" in prepared ? { ...program, prepared } : { status: "threw", error: prepared };
  } catch (error) {
    if (signal.aborted) return CANCELLED;
    if (closing.aborted) throw closedError();
    if (time?.aborted !== true) throw error;
    const message = `The program was not parsed within ${limits.timeoutMs} ms.`;
    return { status: "stopped", reason: "timeout", message };
  }
}
