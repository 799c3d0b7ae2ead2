import { messageOf } from "../../base/errors.ts";
import { BubblewrapLauncher } from "./bubblewrap-launcher.ts";
import { type ControlGroups, openControlGroups } from "./cgroup.ts";
import { findSystemPython } from "./find-python.ts";
import {
  type HostSandbox,
  PLACE_LIMITS,
  type PlaceLimits,
  type SandboxProbe,
  type Wall,
} from "./host-sandbox.ts";
import { findMissingWalls, PROBE_LIMITS, probeWalls } from "./probe-walls.ts";
import { createProcessSandbox, type PoolOptions, type RunProbe } from "./process-sandbox.ts";

/** Options of {@link bubblewrap}. */
export interface BubblewrapOptions extends PoolOptions {
  /** What one sandbox may use. Default: {@link PLACE_LIMITS}. */
  readonly limits?: Partial<PlaceLimits>;
  /**
   * Walls that may be missing here. Without control groups that it may make, a host bounds the processor time and
   * Python's memory of single processes and not how many there are: it refuses to run anything unless
   * `memoryBytes`, `processes` and `cpuSeconds` are named.
   */
  readonly accept?: readonly Wall[];
  /** What another `bubblewrap()` of this host found, where it is not to be looked at again. */
  readonly probed?: SandboxProbe;
}

/**
 * JavaScript, TypeScript and, with Python 3.11 or newer, Python in namespaces of the kernel's: a process for each
 * run, made by bubblewrap 0.8 or newer. No network, nothing of the host's files but the system's programs, a filter
 * of system calls, and a control group. Linux only.
 */
export function bubblewrap(options: BubblewrapOptions = {}): HostSandbox {
  return bubblewrapWith(openControlGroups, options);
}

/** The same with control groups of one's own choice. */
export function bubblewrapWith(openGroups: () => ControlGroups, options: BubblewrapOptions): HostSandbox {
  const python = process.platform === "linux" ? findSystemPython() : undefined;
  const { accept = [] } = options;
  const limits = { ...PLACE_LIMITS, ...options.limits };
  const without = (...walls: readonly Wall[]): boolean => walls.some((wall) => accept.includes(wall));
  let opening: Promise<BubblewrapLauncher> | undefined;
  const open = (): Promise<BubblewrapLauncher> => {
    opening ??= BubblewrapLauncher.open(python, openGroups);
    return opening;
  };
  return createProcessSandbox({
    ...options,
    name: "bubblewrap",
    strength: "container",
    runners: python === undefined ? ["javascript"] : ["javascript", "python"],
    enforces: {
      time: "hard",
      memory: without("memoryBytes") ? "best_effort" : "hard",
      network: without("network") ? "none" : "hard",
      storage: without("readOnlyFs", "diskBytes") ? "best_effort" : "hard",
    },
    start: async (runner, place = limits) => (await open()).start(runner, place),
    probe: async (run) => options.probed ?? probe(open, python, run, accept),
    async dispose() {
      await (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  });
}

async function probe(
  open: () => Promise<BubblewrapLauncher>,
  python: string | undefined,
  run: RunProbe,
  accept: readonly Wall[],
): Promise<SandboxProbe> {
  try {
    const { groups } = await open();
    if (python !== undefined) await requirePython(run);
    const walls = await probeWalls((code, place) => run("javascript", code, PROBE_LIMITS, place));
    const missing = findMissingWalls(walls, accept);
    if (missing === undefined) return { usable: true, strength: "container", walls };
    const why = groups.problem === undefined ? "" : `; control groups: ${groups.problem}`;
    return {
      usable: false,
      reason: `${missing}${why}`,
      hint: "Run the host as root or in a delegated control group (systemd: Delegate=yes), or accept these walls by name.",
      walls,
    };
  } catch (error) {
    return {
      usable: false,
      reason: messageOf(error),
      hint: "Install bubblewrap 0.8 or newer (apt-get install bubblewrap), where users may make namespaces.",
      walls: [],
    };
  }
}

async function requirePython(run: RunProbe): Promise<void> {
  const outcome = await run("python", "1 + 1");
  if (outcome.status !== "returned") throw new Error(`Python does not run: ${JSON.stringify(outcome)}`);
}
