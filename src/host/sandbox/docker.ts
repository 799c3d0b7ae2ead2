import { type DockerAddressOptions, resolveDockerAddress } from "./docker-address.ts";
import { DockerContainers } from "./docker-containers.ts";
import { DockerEngine } from "./docker-engine.ts";
import { SANDBOX_IMAGE } from "./docker-image.ts";
import { DockerTransport } from "./docker-transport.ts";
import {
  type HostSandbox,
  PLACE_LIMITS,
  type PlaceLimits,
  type SandboxProbe,
  type Wall,
} from "./host-sandbox.ts";
import { probePlace } from "./probe-place.ts";
import { createProcessSandbox, type PoolOptions } from "./process-sandbox.ts";

/** Options of {@link docker}. */
export interface DockerOptions extends DockerAddressOptions, PoolOptions {
  /**
   * The image of the sandboxes: `sha256:…`, `name@sha256:…`, or a name, which counts for what it names when the
   * daemon is first asked. Default: what `npx mcp-optimizer image build` makes.
   */
  readonly image?: string;
  /** What one container may use. Default: {@link PLACE_LIMITS}. */
  readonly limits?: Partial<PlaceLimits>;
  /** Processors that one container may use at one time. Default 1. */
  readonly cpus?: number;
  /** Walls that may be missing here. */
  readonly accept?: readonly Wall[];
  /** What another `docker()` of this host found, where it is not to be looked at again. */
  readonly probed?: SandboxProbe;
}

const CPUS = 1;

const HINT =
  "Start Docker 20.10 or newer, let the host's user reach it, and build the image: `npx mcp-optimizer image build`.";

/**
 * JavaScript, TypeScript and Python in Docker containers: one for each run, without network or capabilities, with a
 * filter of system calls, and nothing to write to but a folder in memory. The daemon may be rootless or remap users:
 * then root in a container would be nobody outside.
 */
export function docker(options: DockerOptions = {}): HostSandbox {
  const containers = openContainers(options);
  return createProcessSandbox({
    ...options,
    name: "docker",
    strength: "container",
    runners: ["javascript", "python"],
    enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
    start: (runner, limits) => containers.start(runner, limits),
    probe: async (run) =>
      options.probed ??
      probePlace({
        strength: "container",
        run,
        accept: options.accept ?? [],
        hint: HINT,
        require: async () => void (await containers.ground()),
      }),
    dispose: () => containers[Symbol.asyncDispose](),
  });
}

/** The containers of a sandbox, in the daemon's usual runtime or in one that brings a kernel of its own. */
export function openContainers(options: DockerOptions, kernelRuntime?: string): DockerContainers {
  return new DockerContainers({
    engine: new DockerEngine(new DockerTransport(resolveDockerAddress(options))),
    image: options.image ?? SANDBOX_IMAGE,
    limits: { ...PLACE_LIMITS, ...options.limits },
    cpus: options.cpus ?? CPUS,
    kernelRuntime,
  });
}
