import { readFileSync, readlinkSync } from "node:fs";
import { hasCode } from "../../base/errors.ts";

/**
 * A name for this process that no other has had since the machine was started, so that what a dead host left behind
 * can be told from what a living one uses. Linux only; throws where `/proc` does not say it.
 */
export function hostIdentity(): string {
  return `${machineIdentity()}-${process.pid}-${startTime(process.pid)}`;
}

/** Whether a name is one of {@link hostIdentity} and its process is gone. False for what can't be seen from here. */
export function isDeadHost(name: string): boolean {
  const [, machine, pid, start] = /^([\da-f]{8}-\d+)-(\d+)-(\d+)$/.exec(name) ?? [];
  if (machine === undefined || pid === undefined || machine !== machineIdentity()) return false;
  try {
    return startTime(Number(pid)) !== start;
  } catch (error) {
    // It may be there and not to be read, where there are no files left to open.
    return hasCode(error, "ENOENT") || hasCode(error, "ESRCH");
  }
}

/** This start of the machine, and the process ids that are seen from here: those of a container mean something else. */
function machineIdentity(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  const [namespace = "0"] = /\d+/.exec(readlinkSync("/proc/self/ns/pid")) ?? [];
  return `${boot}-${namespace}`;
}

/** When a process was started, in clock ticks since the machine was. The name before it may hold blanks. `proc_pid_stat(5)` */
function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const start = fields[19];
  if (start === undefined) throw new Error(`no start time of process ${pid}`);
  return start;
}
