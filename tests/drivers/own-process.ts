import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

/** A program that lives no longer than we do. */
export interface OwnProcess extends AsyncDisposable {
  /** The first that it writes to its file descriptor 3. */
  readonly told: Promise<string>;
  /** Resolves with its exit code or signal. One that could not start has ended. */
  readonly ended: Promise<string>;
  readonly signal: (name: NodeJS.Signals) => void;
}

const GRACE_MS = 2_000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Starts a program in our process group, so that whoever ends the group by force ends it too. It is ended when
 * it is disposed, when this process exits, and when a signal interrupts it.
 */
export function startProcess(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): OwnProcess {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const stop = (): void => void child.kill("SIGTERM");
  const leave = (): never => process.exit(1);
  process.once("exit", stop);
  for (const signal of SIGNALS) process.once(signal, leave);
  const ended = new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", (code, signal) => resolve(String(signal ?? code)));
  });
  return {
    told: new Promise((resolve) => {
      (child.stdio[3] as Readable).once("data", (data) => resolve(String(data)));
    }),
    ended,
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      process.off("exit", stop);
      for (const signal of SIGNALS) process.off(signal, leave);
      stop();
      const force = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await ended;
      clearTimeout(force);
    },
  };
}
