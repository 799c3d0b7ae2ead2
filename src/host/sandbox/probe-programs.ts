/** JavaScript of programs that take what they should not get. Each returns how far it came. */

/** Every folder where a sandbox may let programs write. */
const WRITABLE = `process.cwd(), process.env.HOME ?? "/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/"`;

/** Folders of the system, and those of what we put there. */
const SYSTEM = `"/", "/bin", "/dev", "/etc", "/home", "/lib", "/opt", "/root", "/sys/fs/cgroup", "/usr", "/usr/bin", "/var",
  "/proc/sys/kernel", dirname(process.execPath), dirname(process.argv[1])`;

/** Where a program may try to connect to: the options of Node's `net.connect`. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** Says of each target `connected`, `sent` when nobody answered, or the error's code. */
export function connectTo(targets: readonly Target[]): string {
  return `
    const { connect } = await import("node:net");
    const reach = (target) => new Promise((resolve) => {
      const socket = connect({ ...target, timeout: 500 });
      const end = (what) => { socket.destroy(); resolve(what); };
      socket.once("connect", () => end("connected"));
      socket.once("timeout", () => end("sent"));
      socket.once("error", (error) => end(error.code ?? error.message));
    });
    await Promise.all(${JSON.stringify(targets)}.map(reach))`;
}

/** Which of the system's folders it could write to. */
export const WRITE_TO_SYSTEM = `
  const fs = await import("node:fs");
  const { dirname } = await import("node:path");
  [${SYSTEM}].filter((folder) => {
    try {
      fs.writeFileSync(folder + "/probe", "");
      return true;
    } catch {
      return false;
    }
  })`;

/** Bytes, in files of a few pieces each: a limit of one file's size is none of all. */
export function writeBytes(most: number): string {
  return `
    const fs = await import("node:fs");
    const piece = Buffer.alloc(2 ** 20, 1);
    let total = 0;
    for (const folder of [${WRITABLE}]) {
      try {
        while (total <= ${most}) {
          const file = fs.openSync(folder + "/probe-" + crypto.randomUUID(), "wx");
          for (let count = 0; count < 4; count += 1) total += fs.writeSync(file, piece);
          fs.closeSync(file);
        }
      } catch {}
    }
    total`;
}

export function startProcesses(most: number): string {
  return `
    const { spawn } = await import("node:child_process");
    let total = 0;
    const start = () => new Promise((resolve) => {
      const child = spawn("/bin/sleep", ["30"], { stdio: "ignore" });
      child.once("spawn", () => resolve(true));
      child.once("error", () => resolve(false));
    });
    while (total <= ${most} && await start()) total += 1;
    total`;
}

export function openFiles(most: number): string {
  return `
    const fs = await import("node:fs");
    const files = [];
    try {
      while (files.length <= ${most}) files.push(fs.openSync("/dev/null"));
    } catch {}
    for (const file of files) fs.closeSync(file);
    files.length`;
}

/** Three processes share the bytes: a limit of one process is none of all. */
export function takeMemory(bytes: number): string {
  return `
    const { spawn } = await import("node:child_process");
    const third = ${Math.floor(bytes / 3)};
    const fill = "globalThis.kept = Buffer.alloc(" + third + ", 1); console.log('full'); setInterval(() => {}, 1_000)";
    const start = () => new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ["-e", fill], { stdio: ["ignore", "pipe", "ignore"] });
      child.stdout.once("data", resolve);
      child.once("exit", () => reject(new Error("a process was ended")));
      child.once("error", reject);
    });
    const kept = Buffer.alloc(third, 1);
    await start();
    await start();
    kept.length`;
}

/** Shells one after the other, each of which is ended after a second: a limit of one process is none of all. */
export function takeProcessorTime(seconds: number): string {
  return `
    const { spawnSync } = await import("node:child_process");
    const burn = "ulimit -t 1; while :; do :; done";
    for (let total = 0; total < ${seconds}; total += 1) {
      const { error } = spawnSync("/bin/sh", ["-c", burn], { stdio: "ignore" });
      if (error !== undefined) break;
    }
    "done"`;
}
