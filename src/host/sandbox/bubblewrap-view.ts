import { existsSync, readlinkSync } from "node:fs";

/** Where things are in the sandbox. */
export const INSIDE = {
  node: "/opt/mcp-optimizer/node",
  runners: "/opt/mcp-optimizer/runners",
  /** The one place that can be written. */
  work: "/tmp",
} as const;

/** Who a program is in the sandbox: the user and group `nobody`. */
const NOBODY = "65534";

/** What the sandbox shows of the host, beside the system's own programs. */
export interface ShownFiles {
  /** The Node binary. */
  readonly node: string;
  /** The folder of our runners. */
  readonly runners: string;
}

/**
 * Arguments of bubblewrap (0.8 or newer) that close everything, and show what programs need to start: the system's
 * `/usr`, read only, and nothing of `/etc`, of homes, of other processes or of the network. What can be written
 * follows with {@link writableArguments}.
 */
export function viewArguments({ node, runners }: ShownFiles): readonly string[] {
  return [
    ...["--unshare-all", "--unshare-user", "--disable-userns"],
    ...["--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox"],
    // Without a terminal's session nobody types into it; nothing outlives the host.
    ...["--new-session", "--die-with-parent"],
    ...["--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", INSIDE.work],
    ...["--ro-bind", "/usr", "/usr"],
    ...["bin", "sbin", "lib", "lib32", "lib64"].flatMap(systemFolder),
    // Where the linker finds what is not in its own folders.
    ...["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"],
    ...["--proc", "/proc"],
    ...["null", "zero", "full", "random", "urandom"].flatMap((name) => [
      "--dev-bind",
      `/dev/${name}`,
      `/dev/${name}`,
    ]),
    ...["--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin"],
    ...["--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr"],
    // Shared memory counts as what is written.
    ...["--symlink", INSIDE.work, "/dev/shm"],
    ...["--ro-bind", node, INSIDE.node, "--ro-bind", runners, INSIDE.runners],
  ];
}

/** The last arguments: one folder of that size, the rest read only. */
export function writableArguments(diskBytes: number): readonly string[] {
  return [
    ...["--size", String(diskBytes), "--perms", "1777", "--tmpfs", INSIDE.work],
    ...["--remount-ro", "/", "--chdir", INSIDE.work],
  ];
}

/** Most systems have links into `/usr` there, older ones folders. */
function systemFolder(name: string): readonly string[] {
  try {
    return ["--symlink", readlinkSync(`/${name}`), `/${name}`];
  } catch {
    return existsSync(`/${name}`) ? ["--ro-bind", `/${name}`, `/${name}`] : [];
  }
}
