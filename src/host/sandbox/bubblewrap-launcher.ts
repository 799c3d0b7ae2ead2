import { execFile } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { PYTHON_ENV, PYTHON_FLAGS } from "./basic.ts";
import { INSIDE, viewArguments, writableArguments } from "./bubblewrap-view.ts";
import type { ControlGroup, ControlGroups } from "./cgroup.ts";
import { findExecutable } from "./find-executable.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import {
  heapFlag,
  isOpenToAll,
  RUNNERS,
  type RunnerFolder,
  type RunnerLanguage,
  writeRunners,
} from "./runners.ts";
import { type SandboxProcess, startChild } from "./sandbox-process.ts";
import { requireSeccompArchitecture, seccompFilter } from "./seccomp.ts";

/** Users that programs of a host that is root run as on the host, one for each sandbox in turn. */
const FIRST_UID = 64_000;
const UIDS = 1_000;

/** How often the processor time of all sandboxes is looked at. Milliseconds. */
const CPU_WATCH_MS = 250;

/**
 * Joins the control groups that are named up to `--`, sets limits that go with a process (open files, processor
 * seconds, memory in KiB or `unlimited`), and becomes the command that follows.
 */
const ENTER = `while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done
ulimit -c 0 && ulimit -n "$2" && ulimit -t "$3" && ulimit -d "$4" || exit 125
shift 4; exec "$@"`;

/** Python's runner, compiled: it would be at every start. */
const COMPILED = "runner.pyc";
const COMPILE = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], doraise=True)";
const COMPILE_MS = 10_000;

/** Starts the processes of one `bubblewrap()`. */
export class BubblewrapLauncher implements AsyncDisposable {
  readonly groups: ControlGroups;
  readonly #bwrap: string;
  readonly #python: string | undefined;
  readonly #runners: RunnerFolder;
  readonly #living = new Map<SandboxProcess, { readonly group: ControlGroup; readonly cpuSeconds: number }>();
  readonly #watch: ReturnType<typeof setInterval>;
  #started = 0;

  /** Writes what the processes are given. Rejects with the reason when they can't be started here. */
  static async open(
    python: string | undefined,
    openGroups: () => ControlGroups,
  ): Promise<BubblewrapLauncher> {
    if (process.platform !== "linux") throw new Error("bubblewrap is for Linux");
    const bwrap = findExecutable("bwrap");
    if (bwrap === undefined) throw new Error("there is no bwrap on the PATH");
    const filter = seccompFilter(requireSeccompArchitecture(process.arch));
    const runners = await writeRunners();
    await writeFile(filterIn(runners), filter, { mode: 0o444 });
    if (python !== undefined) await compileRunner(python, runners);
    const node = (await isOpenToAll(process.execPath)) ? process.execPath : await copyNode(runners);
    // By a file: the arguments of a process can be read in the sandbox.
    const view = viewArguments({ node, runners: runners.path });
    await writeFile(viewIn(runners), view.map((argument) => `${argument}\0`).join(""), { mode: 0o444 });
    const groups = openGroups();
    await groups.removeOrphans();
    return new BubblewrapLauncher(bwrap, python, runners, groups);
  }

  private constructor(
    bwrap: string,
    python: string | undefined,
    runners: RunnerFolder,
    groups: ControlGroups,
  ) {
    this.#bwrap = bwrap;
    this.#python = python;
    this.#runners = runners;
    this.groups = groups;
    this.#watch = setInterval(() => this.#lookAtProcessors(), CPU_WATCH_MS).unref();
  }

  /** Throws when the kernel refuses a control group. */
  start(runner: RunnerLanguage, place: PlaceLimits): SandboxProcess {
    const group = this.groups.create(place);
    // Each start gets open files of its own: who reads one moves its place for all who share it.
    const descriptors = [openSync(filterIn(this.#runners), "r"), openSync(viewIn(this.#runners), "r")];
    try {
      const started = startChild(
        "/bin/sh",
        ["-c", ENTER, "sh", ...this.#enter(group, runner, place), ...this.#sandbox(runner, place)],
        {
          cwd: "/",
          descriptors,
          kill: () => group.kill(),
          ranOutOfMemory: () => group.usage().outOfMemoryKills > 0,
          clean: () => group.remove(),
        },
      );
      this.#living.set(started, { group, cpuSeconds: place.cpuSeconds });
      void started.gone.then(() => this.#living.delete(started));
      return started;
    } catch (error) {
      void group.remove();
      throw error;
    } finally {
      for (const descriptor of descriptors) closeSync(descriptor);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    this.groups[Symbol.dispose]();
    await this.#runners[Symbol.asyncDispose]();
  }

  #enter(group: ControlGroup, runner: RunnerLanguage, place: PlaceLimits): readonly string[] {
    // JavaScript's engine keeps more aside than it uses; its runner limits its heap.
    const isBounded = this.groups.holds.has("memoryBytes") || runner === "javascript";
    const memory = isBounded ? "unlimited" : String(Math.ceil(place.memoryBytes / 1024));
    const limits = [String(place.fileHandles), String(Math.ceil(place.cpuSeconds)), memory];
    return [...group.joinFiles, "--", ...limits, ...this.#leaveRoot()];
  }

  /** As root, bubblewrap would map the sandbox's user to root itself. */
  #leaveRoot(): readonly string[] {
    if (process.getuid?.() !== 0) return [];
    const id = FIRST_UID + (this.#started++ % UIDS);
    const nothing = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    return ["setpriv", `--reuid=${id}`, `--regid=${id}`, ...nothing, "--"];
  }

  #sandbox(runner: RunnerLanguage, place: PlaceLimits): readonly string[] {
    const file = runner === "python" ? COMPILED : RUNNERS[runner].file;
    const inside = `${INSIDE.runners}/${file}`;
    const [env, command] =
      runner === "python"
        ? [PYTHON_ENV, [this.#python ?? "python3", ...PYTHON_FLAGS, inside]]
        : [{}, [INSIDE.node, heapFlag(place.memoryBytes), inside]];
    return [
      ...[this.#bwrap, "--args", "4", ...writableArguments(place.diskBytes)],
      ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
      ...["--seccomp", "3", "--", ...command],
    ];
  }

  #lookAtProcessors(): void {
    for (const [{ channel }, { group, cpuSeconds }] of this.#living) {
      const used = group.usage().cpuSeconds;
      if (used !== undefined && used > cpuSeconds) {
        channel.die(`The program's processes took more than ${cpuSeconds} s of processor time.`);
      }
    }
  }
}

function filterIn(runners: RunnerFolder): string {
  return path.join(runners.path, "filter.bpf");
}

function viewIn(runners: RunnerFolder): string {
  return path.join(runners.path, "view.args");
}

async function compileRunner(python: string, runners: RunnerFolder): Promise<void> {
  const compiled = path.join(runners.path, COMPILED);
  const args = [...PYTHON_FLAGS, "-c", COMPILE, runners.file("python"), compiled];
  await promisify(execFile)(python, args, { env: {}, timeout: COMPILE_MS, killSignal: "SIGKILL" });
  await chmod(compiled, 0o444);
}

async function copyNode(runners: RunnerFolder): Promise<string> {
  const copy = path.join(runners.path, "node");
  await copyFile(process.execPath, copy);
  await chmod(copy, 0o555);
  return copy;
}
