import { inject } from "vitest";
import { type DockerOptions, docker } from "../../../src/host/sandbox/docker.ts";
import { gvisor } from "../../../src/host/sandbox/gvisor.ts";
import type { HostSandbox } from "../../../src/host/sandbox/host-sandbox.ts";

const { missing, address, runsc } = inject("docker");
const noGvisor = missing || (runsc === "" ? "there is no runsc, and Debian's can't be fetched" : "");

/** A sandbox that needs more than this package. */
export interface DockerPlace {
  readonly name: string;
  /** Why there is none here; empty where there is. */
  readonly reason: string;
  open(options?: Pick<DockerOptions, "limits" | "probed" | "maxProcesses">): HostSandbox;
}

export const DOCKER: DockerPlace = {
  name: "docker()",
  reason: missing,
  open: (options) => docker({ ...options, address }),
};

const GVISOR_ALONE: DockerPlace = {
  name: "gvisor() alone",
  reason: noGvisor,
  open: (options) => gvisor({ ...options, runsc }),
};

export const PLACES: readonly DockerPlace[] = [
  DOCKER,
  {
    name: "gvisor() in Docker",
    reason: noGvisor,
    open: (options) => gvisor({ ...options, docker: { address } }),
  },
  GVISOR_ALONE,
];

/** For suites that take minutes: gvisor() in Docker is docker() with gVisor's kernel, and walls.test.ts tries what differs. */
export const ONE_OF_EACH: readonly DockerPlace[] = [DOCKER, GVISOR_ALONE];
