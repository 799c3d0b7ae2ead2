import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { NOBODY_ID, RUNNER_ENV, runnerCommand, SCRATCH_FOLDER } from "./container-config.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";

/** Writes what an OCI runtime takes for one run: the same walls that our containers have, in its own words. */
export async function writeBundle(
  folder: string,
  root: string,
  runner: RunnerLanguage,
  limits: PlaceLimits,
): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await writeFile(path.join(folder, "config.json"), JSON.stringify(bundleConfig(root, runner, limits)));
}

function bundleConfig(root: string, runner: RunnerLanguage, limits: PlaceLimits): unknown {
  const { cpuSeconds, diskBytes, fileHandles, processes } = limits;
  const rlimit = (type: string, most: number) => ({ type: `RLIMIT_${type}`, soft: most, hard: most });
  const none: readonly string[] = [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: NOBODY_ID, gid: NOBODY_ID },
      args: runnerCommand(runner, limits),
      env: RUNNER_ENV,
      cwd: SCRATCH_FOLDER,
      capabilities: { bounding: none, effective: none, inheritable: none, permitted: none, ambient: none },
      rlimits: [
        rlimit("NOFILE", fileHandles),
        rlimit("FSIZE", diskBytes),
        rlimit("CPU", Math.ceil(cpuSeconds)),
        rlimit("CORE", 0),
        rlimit("NPROC", processes),
      ],
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    hostname: "sandbox",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      {
        destination: SCRATCH_FOLDER,
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "nodev", "noexec", `size=${diskBytes}`, "mode=1777"],
      },
    ],
    linux: { namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })) },
  };
}
