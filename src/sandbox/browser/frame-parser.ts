import type { Program, ProgramError } from "../../protocol/guest-protocol.ts";
import { type ParseCommand, type PreparedProgram, parsePrepared } from "../../protocol/prepared-program.ts";
import parserSha256 from "../../runtimes/parser-worker.ts?script&sha256";
import type { SandboxFrame } from "./frame.ts";
import { createFrameService } from "./frame-service.ts";
import type { ShippedAsset } from "./shipped-asset.ts";

/** Parses programs of JavaScript and TypeScript in a worker of the frame, so that each session's needs no parser. */
export interface FrameParser {
  prepare(): Promise<void>;
  /** A syntax error comes back as data. Rejects when `signal` aborts, and when the parser fails twice. */
  parse(program: Program, signal: AbortSignal): Promise<PreparedProgram | ProgramError>;
}

const SCRIPT: ShippedAsset = {
  name: "The parser",
  load: () => import("../../runtimes/parser-worker.ts?script"),
  sha256: parserSha256,
};

/** Programs repeat, as intents do: so many are remembered, up to this length. */
const KNOWN_PROGRAMS = 64;
const KNOWN_CHARACTERS = 32 * 1024;

/** A longer program gets a parser of its own: others need not wait until it is read. */
const SHARED_CHARACTERS = 256 * 1024;

export function createFrameParser(frame: SandboxFrame): FrameParser {
  const known = new Map<string, PreparedProgram | ProgramError>();
  const shared = createFrameService(frame, "parser", SCRIPT);

  const parse = async (
    command: ParseCommand,
    signal: AbortSignal,
  ): Promise<PreparedProgram | ProgramError> => {
    if (command.code.length > SHARED_CHARACTERS) {
      const own = createFrameService(frame, "parser", SCRIPT);
      try {
        return await own.ask(command, parsePrepared, signal);
      } finally {
        own.end();
      }
    }
    return shared.ask(command, parsePrepared, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      // It died, or its frame did: what is asked is not to blame before it has failed a second one.
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
  };
}
