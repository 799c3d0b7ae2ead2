import { findOptimizerError } from "../base/errors.ts";

/** How the command line ends. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  noSandbox: 3,
  undecided: 4,
  tampered: 5,
  interrupted: 130,
} as const;

export const EXIT_HELP = `Exit codes:
  0    done
  1    the program threw or was stopped, or something failed
  2    the command line, the configuration or the input makes no sense
  3    no sandbox can be used here
  4    the program waits for a decision about a tool call
  5    the audit log is not what was written
  130  interrupted`;

/** The exit code for a failure. */
export function exitCodeOf(failure: unknown): number {
  const error = findOptimizerError(failure);
  if (error?.kind === "sandbox_unavailable") return EXIT.noSandbox;
  return error?.code === 400 ? EXIT.usage : EXIT.failed;
}
