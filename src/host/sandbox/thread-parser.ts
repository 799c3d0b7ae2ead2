import type { ParseCommand } from "../../protocol/prepared-program.ts";
import { createProgramParser, type ProgramParser } from "../../sandbox/program-parser.ts";
import { createNodeThread, type ThreadParts } from "../node-thread.ts";

/**
 * A parser in a thread of the host. For programs that can't hold it up: its memory is the host's, and a thread that
 * has none left may take the host with it, whatever limit it has.
 */
export function createThreadParser(): ProgramParser {
  return createProgramParser(() => createNodeThread<ParseCommand>("The parser's thread", loadParser));
}

async function loadParser(): Promise<ThreadParts> {
  const { default: script } = await import("../../runtimes/parser-worker.ts?script");
  return { script };
}
