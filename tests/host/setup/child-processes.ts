import { execFileSync } from "node:child_process";

/** Numbers of the processes that this one started and that run Deno. */
export function denoChildren(): readonly number[] {
  return execFileSync("ps", ["-axo", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
    .filter(([, , parent, args = ""]) => parent === String(process.pid) && /\bdeno(\.exe)? run\b/.test(args))
    .map(([, pid]) => Number(pid));
}
