// What bounds all processes of one sandbox together, whatever they start. A guest sees none of it: its
// sandbox mounts no control groups.

import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, messageOf } from "../../base/errors.ts";
import { findHierarchies, type Hierarchy } from "./cgroup-hierarchies.ts";
import { hostIdentity, isDeadHost } from "./host-identity.ts";
import type { PlaceLimits } from "./host-sandbox.ts";

/** The group of one sandbox. */
export interface ControlGroup {
  /** A process joins by writing `0` into each, in this order, before it starts anything. */
  readonly joinFiles: readonly string[];
  usage(): GroupUsage;
  /** Ends every process in it. Never throws. */
  kill(): void;
  /** Ends what is left and removes the group, which takes until its last process is gone. Never rejects. */
  remove(): Promise<void>;
}

/** What the processes of a group took, those that ended included. */
export interface GroupUsage {
  readonly cpuSeconds: number | undefined;
  /** The most memory at one time, page cache included. */
  readonly peakMemoryBytes: number | undefined;
  /** How many of its processes the kernel ended because its memory was used up. */
  readonly outOfMemoryKills: number;
}

export type GroupLimits = Pick<PlaceLimits, "memoryBytes" | "processes">;

/** Every group of every host is below one of this name. */
const FOLDER = "mcp-optimizer";

/** Version 2 has processes in leaves only: there the host itself moves into one. */
const HOST_LEAF = "mcp-optimizer-host";

/** The processor time that a group gets at most: one core's. Microseconds. */
const CPU_PERIOD = 100_000;

/** How long a group that was ended may keep its processes. Milliseconds. */
const REMOVE_MS = 10_000;

/** How deep below a mount groups of hosts are looked for. */
const MAX_DEPTH = 8;

/** The control groups that this process may make. */
export interface ControlGroups extends Disposable {
  /** Limits that its groups hold. */
  readonly holds: ReadonlySet<"memoryBytes" | "processes" | "cpuSeconds">;
  /** Why it does not hold the others, for people. */
  readonly problem: string | undefined;
  /** Throws when the kernel refuses. */
  create(limits: GroupLimits): ControlGroup;
  /** Ends and removes what dead hosts left behind. Resolves with how many groups that were. */
  removeOrphans(): Promise<number>;
}

/** A place where this process makes groups: `folder` is its own there. */
interface Place {
  readonly version: 1 | 2;
  readonly folder: string;
  readonly controllers: readonly string[];
}

const CONTROLLERS: ReadonlySet<string> = new Set(["pids", "memory", "cpu", "cpuacct"]);

/** Finds out by doing it which groups this process may make. Never throws: where it may make none, none hold. */
export function openControlGroups(hierarchies: readonly Hierarchy[] = findHierarchies()): ControlGroups {
  const places: Place[] = [];
  const problems: string[] = [];
  // Version 2 first: beside version 1 it has no controllers, and still ends all processes of a group at once.
  for (const hierarchy of hierarchies.toSorted((one, other) => other.version - one.version)) {
    const controllers = hierarchy.controllers.filter((name) => CONTROLLERS.has(name));
    if (hierarchy.version === 1 && controllers.length === 0) continue;
    try {
      places.push(openPlace({ ...hierarchy, controllers }));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (hierarchies.length === 0) problems.push("there are no control groups here");
  const has = (name: string): boolean => places.some(({ controllers }) => controllers.includes(name));
  const holds = new Set<"memoryBytes" | "processes" | "cpuSeconds">();
  if (has("memory")) holds.add("memoryBytes");
  if (has("pids")) holds.add("processes");
  if (has("cpuacct") || places.some(({ version }) => version === 2)) holds.add("cpuSeconds");
  return {
    holds,
    problem: holds.size === 3 ? undefined : [...new Set(problems)].join("; "),
    create: (limits) => createGroup(places, limits),
    removeOrphans: () => removeOrphans(hierarchies),
    [Symbol.dispose]() {
      for (const { folder } of places) {
        tryRemove(folder);
        tryRemove(path.dirname(folder));
      }
    },
  };
}

function openPlace({ version, own, controllers }: Hierarchy): Place {
  const base = path.basename(own) === HOST_LEAF ? path.dirname(own) : own;
  const top = path.join(base, FOLDER);
  const folder = path.join(top, hostIdentity());
  if (version === 1) {
    mkdirSync(folder, { recursive: true });
    return { version, folder, controllers };
  }
  const hand = (down: string): void => {
    const command = controllers.map((name) => `+${name}`).join(" ");
    if (command !== "") writeFileSync(path.join(down, "cgroup.subtree_control"), command);
  };
  try {
    hand(base);
  } catch (error) {
    if (base !== own || !hasCode(error, "EBUSY")) throw error;
    mkdirSync(path.join(base, HOST_LEAF), { recursive: true });
    writeFileSync(path.join(base, HOST_LEAF, "cgroup.procs"), String(process.pid));
    hand(base);
  }
  mkdirSync(folder, { recursive: true });
  hand(top);
  hand(folder);
  return { version, folder, controllers };
}

function createGroup(places: readonly Place[], limits: GroupLimits): ControlGroup {
  const name = crypto.randomUUID();
  const groups = places.map((place) => ({ ...place, folder: path.join(place.folder, name) }));
  const folders = groups.map(({ folder }) => folder);
  try {
    for (const { version, folder, controllers } of groups) {
      // The host's own folder goes with the last of its sandboxes.
      mkdirSync(folder, { recursive: true });
      for (const [file, value] of settings(version, controllers, limits)) {
        writeFileSync(path.join(folder, file), value);
      }
      for (const [file, value] of wishes(version, controllers, limits))
        tryWrite(path.join(folder, file), value);
    }
  } catch (error) {
    for (const folder of folders) tryRemove(folder);
    throw error;
  }
  return {
    joinFiles: folders.map((folder) => path.join(folder, "cgroup.procs")),
    usage: () => readUsage(groups),
    kill: () => killAll(folders),
    remove: () => removeAll(folders),
  };
}

type Setting = readonly [file: string, value: string];

/** What a group must have. */
function settings(version: 1 | 2, controllers: readonly string[], limits: GroupLimits): readonly Setting[] {
  const { memoryBytes, processes } = limits;
  const of = (name: string, ...found: Setting[]): readonly Setting[] =>
    controllers.includes(name) ? found : [];
  return [
    ...of("pids", ["pids.max", String(processes)]),
    ...of("memory", [version === 1 ? "memory.limit_in_bytes" : "memory.max", String(memoryBytes)]),
  ];
}

/** What a group has where the kernel can: without swap there is nothing to limit. */
function wishes(version: 1 | 2, controllers: readonly string[], limits: GroupLimits): readonly Setting[] {
  const memory: readonly Setting[] =
    version === 1
      ? [["memory.memsw.limit_in_bytes", String(limits.memoryBytes)]]
      : [
          ["memory.swap.max", "0"],
          ["memory.oom.group", "1"],
        ];
  const cpu: Setting =
    version === 1 ? ["cpu.cfs_quota_us", String(CPU_PERIOD)] : ["cpu.max", `${CPU_PERIOD} ${CPU_PERIOD}`];
  return [...(controllers.includes("memory") ? memory : []), ...(controllers.includes("cpu") ? [cpu] : [])];
}

function readUsage(groups: readonly Place[]): GroupUsage {
  const read = (version: 1 | 2, controller: string, file: string): string | undefined => {
    const group = groups.find((one) => one.version === version && one.controllers.includes(controller));
    return group === undefined ? undefined : tryRead(path.join(group.folder, file));
  };
  const field = (text: string | undefined, name: string): number | undefined => {
    const [, digits] = new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "") ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  const unified = groups.find(({ version }) => version === 2)?.folder;
  const nanoseconds = read(1, "cpuacct", "cpuacct.usage");
  const microseconds =
    unified === undefined ? undefined : field(tryRead(path.join(unified, "cpu.stat")), "usage_usec");
  const peak = read(1, "memory", "memory.max_usage_in_bytes") ?? read(2, "memory", "memory.peak");
  const events = read(1, "memory", "memory.oom_control") ?? read(2, "memory", "memory.events");
  return {
    cpuSeconds: nanoseconds === undefined ? scale(microseconds, 1e6) : scale(Number(nanoseconds), 1e9),
    peakMemoryBytes: peak === undefined ? undefined : Number(peak),
    outOfMemoryKills: field(events, "oom_kill") ?? 0,
  };
}

function scale(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

/** Who is in one of the groups is in the first too. */
function killAll(folders: readonly string[]): void {
  // Nothing of it starts anything from here on.
  for (const folder of folders) tryWrite(path.join(folder, "pids.max"), "0");
  if (folders.filter((folder) => tryWrite(path.join(folder, "cgroup.kill"), "1")).length > 0) return;
  const [first = ""] = folders;
  for (const pid of processesIn(first)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

async function removeAll(folders: readonly string[]): Promise<void> {
  const until = performance.now() + REMOVE_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    killAll(folders);
    if (folders.map(tryRemove).every(Boolean) || performance.now() > until) return;
    await sleep(pauseMs);
  }
}

async function removeOrphans(hierarchies: readonly Hierarchy[]): Promise<number> {
  const hosts = hierarchies
    .flatMap(({ mount }) => findHosts(mount, MAX_DEPTH))
    .filter((one) => isDeadHost(path.basename(one)));
  const removing = hosts.map(async (host) => {
    const groups = foldersIn(host);
    await Promise.all(groups.map((group) => removeAll([group])));
    tryRemove(host);
    tryRemove(path.dirname(host));
    return groups.length;
  });
  return (await Promise.all(removing)).reduce((sum, count) => sum + count, 0);
}

/** Hosts may have been started in other groups than this one. */
function findHosts(folder: string, depth: number): readonly string[] {
  if (path.basename(folder) === FOLDER) return foldersIn(folder);
  return depth === 0 ? [] : foldersIn(folder).flatMap((one) => findHosts(one, depth - 1));
}

function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
  } catch {
    return [];
  }
}

function processesIn(folder: string): readonly number[] {
  return (tryRead(path.join(folder, "cgroup.procs")) ?? "").split("\n").filter(Boolean).map(Number);
}

/** Whether the folder is gone. Only the kernel removes the files in it. */
function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return hasCode(error, "ENOENT");
  }
}

function tryWrite(file: string, text: string): boolean {
  try {
    // Never makes a file: what the kernel has not put there it does not know.
    writeFileSync(file, text, { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
