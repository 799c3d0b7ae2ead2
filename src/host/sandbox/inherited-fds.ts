import { readdirSync, readFileSync } from "node:fs";

/** `O_CLOEXEC`. `fcntl.h` of Linux, the same on x86_64 and aarch64. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * File descriptors of this process that every process would get that it starts: not Node's own, but those that
 * whoever started this process left open, such as a pipe, a socket or a file of secrets. Node marks them up to the
 * first gap in their numbers and can't mark others. Closing what belongs to somebody else would break it; so whoever
 * starts a process puts something else in their place. Without the standard streams; empty where `/proc` does not tell.
 */
export function findInheritableDescriptors(): readonly number[] {
  return listDescriptors().filter((descriptor) => {
    try {
      const [, flags = ""] =
        /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")) ?? [];
      return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
    } catch {
      // The listing's own, which is closed by now.
      return false;
    }
  });
}

function listDescriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fd")
      .map(Number)
      .filter((descriptor) => descriptor > 2);
  } catch {
    return [];
  }
}
