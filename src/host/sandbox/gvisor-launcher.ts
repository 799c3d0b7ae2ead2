import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { NO_MEMORY } from "../../sandbox/process-channel.ts";
import { type ControlGroup, type ControlGroups, openControlGroups } from "./cgroup.ts";
import { kernelTasks, RUNNER_FOLDER } from "./container-config.ts";
import { IMAGE_FILES } from "./docker-image.ts";
import { findExecutable } from "./find-executable.ts";
import { writeBundle } from "./gvisor-bundle.ts";
import { hostIdentity, isDeadHost } from "./host-identity.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import { collectLocalRoot, writeRoot } from "./local-root.ts";
import type { RunnerLanguage } from "./runners.ts";
import { type SandboxProcess, startChild } from "./sandbox-process.ts";

/** Folders of hosts: this and the host's identity. */
const PREFIX = "mcp-optimizer-gvisor-";

/** How often it is looked at what all sandboxes have used. Milliseconds. */
const WATCH_MS = 250;

/** How long gVisor may take to remove what it knows of a sandbox that is over. Milliseconds. */
const DELETE_MS = 10_000;

/** Joins the control groups that are named up to `--`, and becomes the command that follows. */
const ENTER = `while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"`;

const run = promisify(execFile);

/** Starts the sandboxes of one `gvisor()` that runs alone. */
export class GvisorLauncher implements AsyncDisposable {
  readonly #runsc: string;
  readonly #folder: string;
  readonly #groups: ControlGroups;
  readonly #living = new Map<SandboxProcess, { readonly group: ControlGroup; readonly cpuSeconds: number }>();
  readonly #watch: ReturnType<typeof setInterval>;

  /** Writes what the sandboxes are given. Rejects with the reason when they can't be started here. */
  static async open(command: string): Promise<GvisorLauncher> {
    if (process.platform !== "linux") throw new Error("gVisor is for Linux");
    const runsc = findExecutable(command);
    if (runsc === undefined) throw new Error(`there is no ${command} on the path`);
    if (process.getuid?.() !== 0) throw new Error("gVisor alone needs root to hold its limits");
    const groups = openControlGroups();
    if (groups.problem !== undefined) throw new Error(`control groups: ${groups.problem}`);
    await groups.removeOrphans();
    await removeDeadHosts();
    const folder = await mkdtemp(path.join(tmpdir(), `${PREFIX}${hostIdentity()}-`));
    try {
      const files = await collectLocalRoot();
      const runners = [...IMAGE_FILES].map(([name, content]) => ({
        target: `${RUNNER_FOLDER}/${name}`,
        content,
      }));
      await writeRoot(path.join(folder, "root"), [...files, ...runners]);
      await mkdir(path.join(folder, "bundles"));
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return new GvisorLauncher(runsc, folder, groups);
  }

  private constructor(runsc: string, folder: string, groups: ControlGroups) {
    this.#runsc = runsc;
    this.#folder = folder;
    this.#groups = groups;
    this.#watch = setInterval(() => this.#lookAtUsage(), WATCH_MS).unref();
  }

  async start(runner: RunnerLanguage, limits: PlaceLimits): Promise<SandboxProcess> {
    const id = randomUUID();
    const bundle = path.join(this.#folder, "bundles", id);
    await writeBundle(bundle, path.join(this.#folder, "root"), runner, limits);
    const group = this.#groups.create({ ...limits, processes: kernelTasks(limits.processes) });
    const clean = async (): Promise<void> => {
      await group.remove();
      await run(this.#runsc, [...this.#flags(), "delete", "--force", id], { timeout: DELETE_MS }).catch(
        () => undefined,
      );
      await rm(bundle, { recursive: true, force: true });
    };
    try {
      const command = [this.#runsc, ...this.#flags(), "run", "--bundle", bundle, id];
      const started = startChild("/bin/sh", ["-c", ENTER, "sh", ...group.joinFiles, "--", ...command], {
        cwd: "/",
        kill: () => group.kill(),
        ranOutOfMemory: () => group.usage().outOfMemoryKills > 0,
        clean,
      });
      this.#living.set(started, { group, cpuSeconds: limits.cpuSeconds });
      void started.gone.then(() => this.#living.delete(started));
      return started;
    } catch (error) {
      void clean();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    this.#groups[Symbol.dispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #flags(): readonly string[] {
    const state = path.join(this.#folder, "state");
    // Our own groups hold all of its processes, its kernel included.
    return ["--root", state, "--platform=systrap", "--network=none", "--overlay2=none", "--ignore-cgroups"];
  }

  #lookAtUsage(): void {
    for (const [{ channel }, { group, cpuSeconds }] of this.#living) {
      const { cpuSeconds: used = 0, outOfMemoryKills } = group.usage();
      if (used > cpuSeconds) {
        channel.die(`The program's processes took more than ${cpuSeconds} s of processor time.`);
      }
      // The machine's kernel ends one of gVisor's processes, and the others wait for it for ever.
      if (outOfMemoryKills > 0) channel.die(NO_MEMORY, "memory");
    }
  }
}

/** What hosts that are gone left in the folder for temporary files. Nothing of it runs any more. */
async function removeDeadHosts(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, identity] = new RegExp(`^${PREFIX}(.+)-[^-]+$`).exec(name) ?? [];
    if (identity === undefined || !isDeadHost(identity)) continue;
    await rm(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}
