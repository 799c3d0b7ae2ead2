import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What a daemon is started of. */
export interface DockerBinaries {
  /** Folders with dockerd, containerd and runc. */
  readonly search: string;
  /** gVisor's runtime, where there is one. */
  readonly runsc: string | undefined;
}

const START_MS = 60_000;
const CGROUP_MS = 5_000;

/**
 * A Docker daemon of our own, which nobody else's daemon hears of: its own folders and socket, and its own
 * namespaces of processes and mounts. A shell in them starts it, and starts it again after it was killed, as an init
 * system does. When the shell ends, which it does with this process at the latest, everything in them ends.
 */
export class DockerDaemon implements AsyncDisposable {
  readonly address: string;
  readonly #folder: string;
  readonly #shell: ChildProcess;
  readonly #cgroup: string;

  static async start({ search, runsc }: DockerBinaries): Promise<DockerDaemon> {
    const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-docker-"));
    const runtimes = runsc === undefined ? {} : { runsc: { path: runsc, runtimeArgs: RUNSC_FLAGS } };
    await writeFile(path.join(folder, "daemon.json"), JSON.stringify({ runtimes }));
    const daemon = new DockerDaemon(folder, search);
    const { address } = daemon;
    const until = performance.now() + START_MS;
    while (!(await answers(address))) {
      if (performance.now() < until) {
        await sleep(20);
        continue;
      }
      const log = await readFile(path.join(folder, "log"), "utf8").catch(() => "no log");
      await daemon[Symbol.asyncDispose]();
      throw new Error(`dockerd does not start: ${log.slice(-2_000)}`);
    }
    return daemon;
  }

  private constructor(folder: string, search: string) {
    this.#folder = folder;
    this.address = `unix://${folder}/docker.sock`;
    this.#cgroup = `mcp-optimizer-tests-${randomUUID().slice(0, 8)}`;
    const args = [
      `-H unix://${folder}/docker.sock --data-root ${folder}/data --exec-root ${folder}/run`,
      `--pidfile ${folder}/docker.pid --config-file ${folder}/daemon.json --cgroup-parent /${this.#cgroup}`,
      "--iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none --userland-proxy=false",
      "--storage-driver overlay2",
    ].join(" ");
    const again = `rm -f ${folder}/docker.pid; dockerd ${args} </dev/null >>${folder}/log 2>&1; sleep 1`;
    this.#shell = spawn(
      "unshare",
      [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        `{ while :; do ${again}; done; } & cat`,
      ],
      { env: { PATH: search }, stdio: ["pipe", "ignore", "inherit"] },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const alive = this.#shell.exitCode === null && this.#shell.signalCode === null;
    const ended = new Promise<void>((resolve) => this.#shell.once("exit", () => resolve()));
    this.#shell.kill("SIGKILL");
    if (alive) await ended;
    await removeCgroups(this.#cgroup);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

const RUNSC_FLAGS = ["--platform=systrap", "--network=none"];

/** Sends the daemon at an address a signal, such as `SIGKILL`. */
export function signalDaemon(address: string, signal: NodeJS.Signals): void {
  const mark = address.replace("unix://", "");
  const pid = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const [command = "", ...args] = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return path.basename(command) === "dockerd" && args.includes(`unix://${mark}`);
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error(`There is no daemon at ${address}.`);
  process.kill(Number(pid), signal);
}

/** Whether the daemon at an address answers. */
export function answers(address: string): Promise<boolean> {
  const socketPath = address.replace("unix://", "");
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/_ping", timeout: 1_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.end();
  });
}

/** What a daemon that was ended by force left of its cgroups: folders that are empty when the kernel has caught up. */
async function removeCgroups(name: string): Promise<void> {
  const root = "/sys/fs/cgroup";
  const version2 = existsSync(path.join(root, "cgroup.controllers"));
  const places = version2 ? [root] : readdirSync(root).map((one) => path.join(root, one));
  const until = performance.now() + CGROUP_MS;
  for (const place of places) {
    const folder = path.join(place, name);
    while (existsSync(folder) && performance.now() < until) {
      try {
        removeTree(folder);
      } catch {
        await sleep(50);
      }
    }
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(path.join(folder, entry.name));
  }
  rmdirSync(folder);
}
