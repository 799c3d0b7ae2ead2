import { release } from "node:os";
import { type DockerOptions, openContainers } from "./docker.ts";
import { GvisorLauncher } from "./gvisor-launcher.ts";
import {
  type HostSandbox,
  PLACE_LIMITS,
  type PlaceLimits,
  type SandboxProbe,
  type Wall,
} from "./host-sandbox.ts";
import { probePlace } from "./probe-place.ts";
import { createProcessSandbox, type PoolOptions, type RunProbe } from "./process-sandbox.ts";

/** Options of {@link gvisor}. */
export interface GvisorOptions extends PoolOptions {
  /** Runs gVisor as a runtime of a Docker daemon's. Default: alone, as a command of this machine. */
  readonly docker?: Pick<DockerOptions, "address" | "tls" | "image" | "cpus"> & {
    /** Name of gVisor among the daemon's `runtimes`. Default `runsc`. */
    readonly runtime?: string;
  };
  /** The command, where gVisor runs alone. Default: `runsc` on the path. */
  readonly runsc?: string;
  /**
   * What one sandbox may use, gVisor's own kernel included. Default: {@link PLACE_LIMITS}. With less than 256 MiB
   * of memory many programs don't run.
   */
  readonly limits?: Partial<PlaceLimits>;
  /** Walls that may be missing here. */
  readonly accept?: readonly Wall[];
  /** What another `gvisor()` of this host found, where it is not to be looked at again. */
  readonly probed?: SandboxProbe;
}

const DOCKER_HINT = "Install gVisor, and add runsc to the `runtimes` of Docker's daemon.json.";
const ALONE_HINT = "Install gVisor's runsc of 2024 or newer, and run the host as root.";

/**
 * JavaScript, TypeScript and Python on gVisor: a kernel in user space, which answers a program's system calls in
 * the place of the machine's own. One sandbox for each run. Linux only, unless Docker is somewhere else.
 */
export function gvisor(options: GvisorOptions = {}): HostSandbox {
  const limits = { ...PLACE_LIMITS, ...options.limits };
  const shared = {
    ...options,
    name: "gvisor",
    strength: "kernel",
    runners: ["javascript", "python"],
    enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
  } as const;
  const probing = { strength: "kernel", accept: options.accept ?? [] } as const;
  if (options.docker !== undefined) {
    const containers = openContainers({ ...options.docker, limits }, options.docker.runtime ?? "runsc");
    return createProcessSandbox({
      ...shared,
      start: (runner, place) => containers.start(runner, place),
      probe: async (run) => {
        const require = async (): Promise<void> => requireOwnKernel(run, (await containers.ground()).kernel);
        return options.probed ?? probePlace({ ...probing, run, hint: DOCKER_HINT, require });
      },
      dispose: () => containers[Symbol.asyncDispose](),
    });
  }
  let opening: Promise<GvisorLauncher> | undefined;
  const open = (): Promise<GvisorLauncher> => {
    opening ??= GvisorLauncher.open(options.runsc ?? "runsc");
    return opening;
  };
  return createProcessSandbox({
    ...shared,
    start: async (runner, place = limits) => (await open()).start(runner, place),
    probe: async (run) => {
      const require = (): Promise<void> => requireOwnKernel(run, release());
      return options.probed ?? probePlace({ ...probing, run, hint: ALONE_HINT, require });
    },
    async dispose() {
      await (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  });
}

/** What calls itself gVisor may be the usual runtime by another name: then programs see the machine's kernel. */
async function requireOwnKernel(run: RunProbe, machine: string): Promise<void> {
  const code = 'return (await import("node:os")).release()';
  const outcome = await run("javascript", code);
  if (outcome.status !== "returned") throw new Error(`it runs no program: ${JSON.stringify(outcome)}`);
  if (JSON.parse(outcome.json) === machine)
    throw new Error(`programs run on the machine's own kernel, ${machine}`);
}
