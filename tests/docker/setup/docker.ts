import type { TestProject } from "vitest/node";
import { buildSandboxImage } from "../../../src/host/sandbox/build-image.ts";
import { DockerDaemon } from "../../drivers/docker-daemon.ts";
import { findDockerBinaries } from "./docker-binaries.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly docker: {
      /** Why there is no daemon for tests; empty where there is one. */
      readonly missing: string;
      /** Of a daemon that has our image, made of this machine's files. */
      readonly address: string;
      /** Where the binaries of another daemon are. */
      readonly search: string;
      /** Empty where there is no gVisor. */
      readonly runsc: string;
    };
  }
}

const NOTHING = { missing: "", address: "", search: "", runsc: "" };

/** Starts a Docker daemon of our own, with our image. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const binaries = await findDockerBinaries();
  if (typeof binaries === "string") {
    project.provide("docker", { ...NOTHING, missing: binaries });
    return async () => undefined;
  }
  const daemon = await DockerDaemon.start(binaries);
  try {
    await buildSandboxImage({ address: daemon.address, fromLocalFiles: true });
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
  const { search, runsc = "" } = binaries;
  project.provide("docker", { missing: "", address: daemon.address, search, runsc });
  return () => daemon[Symbol.asyncDispose]();
}
