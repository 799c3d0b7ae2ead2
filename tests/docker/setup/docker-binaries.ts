import { existsSync } from "node:fs";
import path from "node:path";
import { findExecutable } from "../../../src/host/sandbox/find-executable.ts";
import { isBookworm, unpackDebian } from "../../drivers/debian-archive.ts";
import type { DockerBinaries } from "../../drivers/docker-daemon.ts";

const CACHE = path.resolve(import.meta.dirname, "../../../.cache/docker-binaries");

/** Finds Docker's binaries, or fetches Debian's into our cache, installing nothing; else tells why it can't. */
export async function findDockerBinaries(): Promise<DockerBinaries | string> {
  if (process.platform !== "linux") return "the daemon is for Linux";
  if (process.getuid?.() !== 0) return "a daemon of our own needs root";
  if (findExecutable("unshare") === undefined) return "unshare is missing";
  const usual = process.env["PATH"] ?? "";
  const installed = ["dockerd", "containerd", "runc"].every((name) => findExecutable(name) !== undefined);
  const fetched = path.join(CACHE, "root");
  const search = [path.join(fetched, "usr/sbin"), path.join(fetched, "usr/bin"), usual].join(path.delimiter);
  if (!installed && findExecutable("dockerd", search) === undefined) {
    if (!existsSync("/etc/debian_version")) return "Docker is not installed";
    try {
      await unpackDebian(CACHE, ["docker.io", "containerd", "runc"]);
    } catch {
      return "Docker is not installed, and Debian's packages can't be fetched";
    }
  }
  return { search, runsc: findExecutable("runsc", search) ?? (await downloadRunsc(search)) };
}

/** gVisor that has systrap is only in the backports of Debian 12. */
async function downloadRunsc(search: string): Promise<string | undefined> {
  try {
    await unpackDebian(CACHE, ["runsc"], (await isBookworm()) ? "bookworm-backports" : undefined);
  } catch {
    return undefined;
  }
  return findExecutable("runsc", search);
}
