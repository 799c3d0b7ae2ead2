import { execFileSync } from "node:child_process";

/** Ends processes as the system does that is out of memory. One may have ended since it was listed. */
export function killEach(pids: Iterable<number>): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

/** Numbers of the processes that this one started and that run Deno. */
export function denoChildren(): readonly number[] {
  return execFileSync("ps", ["-axo", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
    .filter(([, , parent, args = ""]) => parent === String(process.pid) && /\bdeno(\.exe)? run\b/.test(args))
    .map(([, pid]) => Number(pid));
}
