import type { Json } from "../../base/json.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import { heapFlag, type RunnerLanguage } from "./runners.ts";

/** Where our image keeps the runners. */
export const RUNNER_FOLDER = "/opt/mcp-optimizer";

/** What no file of the image belongs to. */
export const NOBODY_ID = 65534;

/** All that a program may write to, and all that is gone with it. */
export const SCRATCH_FOLDER = "/tmp";

export interface ContainerSettings {
  readonly imageId: string;
  readonly runner: RunnerLanguage;
  readonly limits: PlaceLimits;
  /** Processors that it may use at one time. */
  readonly cpus: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The filter of system calls, as JSON text. */
  readonly seccomp: string;
  /** The AppArmor profile, where the machine has AppArmor. */
  readonly apparmor?: string;
  /** A runtime of the daemon's that brings a kernel of its own. Default: the daemon's default, which brings none. */
  readonly kernelRuntime?: string;
}

/**
 * Tasks of the machine's kernel that gVisor's own takes for so many of its guest's, at most: 49 processes of one
 * thread took 129, four of Node's 57.
 */
export function kernelTasks(processes: number): number {
  return 4 * processes + 64;
}

/** The command that starts a runner, as it lies in our image. */
export function runnerCommand(runner: RunnerLanguage, { memoryBytes }: PlaceLimits): readonly string[] {
  if (runner === "python") return ["/usr/local/bin/python3", "-I", "-B", `${RUNNER_FOLDER}/runner.py`];
  return ["/usr/local/bin/node", heapFlag(memoryBytes), `${RUNNER_FOLDER}/runner.cjs`];
}

/** All that its environment holds. */
export const RUNNER_ENV = [
  "PATH=/usr/local/bin:/usr/bin:/bin",
  `HOME=${SCRATCH_FOLDER}`,
  "MALLOC_ARENA_MAX=1",
];

/** What `POST /containers/create` takes for one run: everything that is not needed is taken away. */
export function containerConfig(settings: ContainerSettings): Json {
  const { imageId, runner, limits, cpus, labels, seccomp, apparmor, kernelRuntime } = settings;
  const { memoryBytes, diskBytes, processes, fileHandles, cpuSeconds } = limits;
  const ulimit = (name: string, most: number): Json => ({ Name: name, Soft: most, Hard: most });
  return {
    Image: imageId,
    Entrypoint: runnerCommand(runner, limits),
    Cmd: [],
    Env: RUNNER_ENV,
    User: `${NOBODY_ID}:${NOBODY_ID}`,
    WorkingDir: SCRATCH_FOLDER,
    Hostname: "sandbox",
    Labels: labels,
    Tty: false,
    OpenStdin: true,
    // The end of our connection is the end of its input, at which a runner ends.
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: false,
    Healthcheck: { Test: ["NONE"] },
    NetworkDisabled: true,
    HostConfig: {
      NetworkMode: "none",
      IpcMode: "none",
      PidMode: "",
      CgroupnsMode: "private",
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: [
        "no-new-privileges",
        `seccomp=${seccomp}`,
        ...(apparmor === undefined ? [] : [`apparmor=${apparmor}`]),
      ],
      Memory: memoryBytes,
      // Memory and swap together: no swap.
      MemorySwap: memoryBytes,
      PidsLimit: kernelRuntime === undefined ? processes : kernelTasks(processes),
      NanoCpus: Math.round(cpus * 1e9),
      Ulimits: [
        ulimit("nofile", fileHandles),
        ulimit("fsize", diskBytes),
        ulimit("cpu", cpuSeconds),
        ulimit("core", 0),
        ulimit("msgqueue", 0),
        // It counts all processes of a user; of a kernel of its own these are the guest's.
        ...(kernelRuntime === undefined ? [] : [ulimit("nproc", processes)]),
      ],
      Tmpfs: { [SCRATCH_FOLDER]: `rw,noexec,nosuid,nodev,size=${diskBytes},mode=1777` },
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
      ...(kernelRuntime !== undefined && { Runtime: kernelRuntime }),
    },
  };
}
