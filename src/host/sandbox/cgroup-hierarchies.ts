import { readFileSync } from "node:fs";
import path from "node:path";

/** One tree of control groups that is mounted here. Version 1 has one for each controller or few, version 2 one for all. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Controllers that its groups may have, such as `memory`. */
  readonly controllers: readonly string[];
  /** Where it is mounted. */
  readonly mount: string;
  /** The folder of the group that this process is in. */
  readonly own: string;
}

interface Mount {
  readonly version: 1 | 2;
  /** The group that the mount shows as its top. */
  readonly root: string;
  readonly point: string;
  /** Controllers of version 1, among other words. */
  readonly options: readonly string[];
}

/** The hierarchies of this machine; none where there are no control groups. */
export function findHierarchies(): readonly Hierarchy[] {
  try {
    return parseHierarchies(
      readFileSync("/proc/self/mountinfo", "utf8"),
      readFileSync("/proc/self/cgroup", "utf8"),
      readControllers,
    );
  } catch {
    return [];
  }
}

/** Puts the kernel's two lists together: what is mounted where, and in which groups a process is. `cgroups(7)`, `proc(5)` */
export function parseHierarchies(
  mountinfo: string,
  membership: string,
  controllersOf: (own: string) => readonly string[],
): readonly Hierarchy[] {
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  return membership.split("\n").flatMap((line): readonly Hierarchy[] => {
    const [, id, names, group] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (names === undefined || group === undefined) return [];
    const version = id === "0" ? 2 : 1;
    const controllers = names.split(",").filter((name) => name !== "");
    const mount = mounts.find(
      (one) => one.version === version && controllers.every((name) => one.options.includes(name)),
    );
    if (mount === undefined) return [];
    const own = ownFolder(mount, group);
    return [
      {
        version,
        controllers: version === 2 ? controllersOf(own) : controllers,
        mount: mount.point,
        own,
      },
    ];
  });
}

function parseMount(line: string): readonly Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, point] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || point === undefined) return [];
  if (type !== "cgroup" && type !== "cgroup2") return [];
  return [
    {
      version: type === "cgroup" ? 1 : 2,
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      options: options.split(","),
    },
  ];
}

/** A container sees a part of the tree; its group is told from the top of that part, or from the top of all. */
function ownFolder({ root, point }: Mount, group: string): string {
  if (root === "/" || root.startsWith("/..")) return path.join(point, group);
  if (group === root || group.startsWith(`${root}/`)) return path.join(point, group.slice(root.length));
  return point;
}

/** Blanks in a path are written as octal numbers. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function readControllers(own: string): readonly string[] {
  try {
    return readFileSync(path.join(own, "cgroup.controllers"), "utf8").split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}
