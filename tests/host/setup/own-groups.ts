import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findHierarchies } from "../../../src/host/sandbox/cgroup-hierarchies.ts";
import { hostIdentity } from "../../../src/host/sandbox/host-identity.ts";

/** Control groups of sandboxes of one host, by default of this process. */
export function groupsOf(host: string = hostIdentity()): readonly string[] {
  return findHierarchies()
    .map(({ own }) => path.join(own, "mcp-optimizer", host))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => path.join(folder, name)),
    );
}

/** Processes in the sandboxes of one host, the oldest first. */
export function processesOf(host?: string): readonly number[] {
  const pids = groupsOf(host).flatMap((group) =>
    readFileSync(path.join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number),
  );
  return [...new Set(pids)].toSorted((one, other) => one - other);
}

/** Folders with runners of one host. */
export function runnerFoldersOf(host: string = hostIdentity()): readonly string[] {
  return [...new Set([tmpdir(), "/tmp"])]
    .flatMap((folder) => readdirSync(folder))
    .filter((name) => name.startsWith(`mcp-optimizer-runners-${host}-`));
}

/** Waits until a list is empty, and gives what is left of it when it does not become so. */
export async function left<T>(list: () => readonly T[], withinMs: number): Promise<readonly T[]> {
  const until = performance.now() + withinMs;
  while (list().length > 0 && performance.now() < until) await sleep(20);
  return list();
}
