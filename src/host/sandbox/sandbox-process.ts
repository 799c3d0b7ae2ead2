import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { Readable } from "node:stream";
import { ProcessChannel } from "../../sandbox/process-channel.ts";
import { findInheritableDescriptors } from "./inherited-fds.ts";

/** A process that waits for its one run. */
export interface SandboxProcess {
  readonly channel: ProcessChannel;
  /** Resolves when nothing of it is left. Never rejects. */
  readonly gone: Promise<void>;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** All that its environment holds: nothing of the host's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further file descriptors of ours that it gets, from 3 on. */
  readonly descriptors?: readonly number[];
  /** Written to its standard input before anything else. */
  readonly input?: readonly Uint8Array[];
  /** Ends more than the process group, such as a cgroup. Never throws. */
  readonly kill?: () => void;
  /** Whether its place has no memory left. Asked when it has ended, before `clean`. Never throws. */
  readonly ranOutOfMemory?: () => boolean;
  /** Removes what is left behind the process. */
  readonly clean?: () => Promise<void>;
}

/** Starts a command that runs one of our runners, as the leader of a process group of its own. */
export function startChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): SandboxProcess {
  const { cwd, env = {}, descriptors = [], input = [], kill, clean, ranOutOfMemory = () => false } = options;
  const child = spawnWith(["pipe", "pipe", "ignore", ...descriptors], (stdio) =>
    spawn(command, args, { cwd, env, detached: true, stdio }),
  );
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("The process has no streams.");
  // A process that dies takes no more commands; its end is told by `exit`.
  stdin.on("error", () => undefined);
  for (const part of input) stdin.write(part);
  stdout.setEncoding("utf8");
  const exit = exitOf(child);
  const outOfMemory = exit.then(ranOutOfMemory, () => false);
  const channel = new ProcessChannel({
    output: Readable.toWeb(stdout) as ReadableStream<string>,
    exit,
    ranOutOfMemory: () => outOfMemory,
    write: (text) => void stdin.write(text),
    kill() {
      killGroup(child);
      kill?.();
    },
  });
  const end = async (): Promise<void> => {
    // What it started and left behind.
    killGroup(child);
    kill?.();
    stdin.destroy();
    await clean?.();
  };
  return { channel, gone: exit.then(end, end).catch(() => undefined) };
}

type Stdio = NonNullable<SpawnOptions["stdio"]>;

/** Spawns with these streams, and with nothing in the place of what the process would inherit beside them. */
function spawnWith(
  streams: readonly ("pipe" | "ignore" | number)[],
  start: (stdio: Stdio) => ChildProcess,
): ChildProcess {
  const inherited = findInheritableDescriptors().filter((descriptor) => descriptor >= streams.length);
  if (inherited.length === 0) return start([...streams]);
  const nothing = openSync("/dev/null", "r");
  try {
    const length = Math.max(...inherited) + 1;
    return start(
      Array.from({ length }, (_, at) => streams[at] ?? (inherited.includes(at) ? nothing : "ignore")),
    );
  } finally {
    closeSync(nothing);
  }
}

/** Resolves with the exit code, as a shell tells it; rejects when the command could not be started. */
function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone, or this system knows no groups.
    child.kill("SIGKILL");
  }
}
