import { readdir, readFile } from "node:fs/promises";

/** Private memory of every process that descends from this one. Bytes; `undefined` where /proc is missing. */
export async function privateBytes(): Promise<number | undefined> {
  try {
    const parents = new Map<number, number>();
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
      const parent = /\) \S (\d+)/.exec(stat)?.[1];
      if (parent !== undefined) parents.set(Number(entry), Number(parent));
    }
    const descends = (pid: number): boolean => {
      for (let at: number | undefined = pid; at !== undefined; at = parents.get(at))
        if (at === process.pid) return true;
      return false;
    };
    let bytes = 0;
    for (const pid of parents.keys()) {
      if (pid === process.pid || !descends(pid)) continue;
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
      for (const [, kilobytes] of rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm))
        bytes += Number(kilobytes) * 1024;
    }
    return bytes;
  } catch {
    return undefined;
  }
}
