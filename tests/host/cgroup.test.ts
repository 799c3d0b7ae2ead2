import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type ControlGroup, openControlGroups } from "../../src/host/sandbox/cgroup.ts";
import { findHierarchies } from "../../src/host/sandbox/cgroup-hierarchies.ts";
import { hostIdentity, isDeadHost } from "../../src/host/sandbox/host-identity.ts";

const MIB = 1024 * 1024;
const LIMITS = { memoryBytes: 64 * MIB, processes: 20 };

const hierarchies = process.platform === "linux" ? findHierarchies() : [];
const found = openControlGroups(hierarchies);
found[Symbol.dispose]();
const reason = found.holds.size === 3 ? "" : ` (${found.problem})`;

/** Runs a shell command in a group. */
function start(group: ControlGroup, command: string): ReturnType<typeof spawn> {
  const join = group.joinFiles.map((file) => `echo 0 > '${file}'`).join(" && ");
  return spawn("/bin/sh", ["-c", `${join} && ${command}`], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
}

async function run(group: ControlGroup, command: string): Promise<{ code: unknown; output: string }> {
  const child = start(group, command);
  let output = "";
  child.stdout?.on("data", (data) => (output += String(data)));
  const [code] = await once(child, "close");
  return { code, output };
}

function foldersOf(group: ControlGroup): readonly string[] {
  return group.joinFiles.map((file) => path.dirname(file));
}

describe.skipIf(reason !== "")(`control groups${reason}`, () => {
  test("bounds memory of all processes together", async () => {
    using groups = openControlGroups();
    const group = groups.create(LIMITS);
    const { code } = await run(group, `exec /usr/bin/python3 -c 'x = bytearray(${128 * MIB})'`);
    expect(code).not.toBe(0);
    expect(group.usage()).toMatchObject({ outOfMemoryKills: 1 });
    expect(group.usage().peakMemoryBytes).toBeLessThanOrEqual(LIMITS.memoryBytes);
    await group.remove();
  });

  test("bounds how many processes there are", async () => {
    using groups = openControlGroups();
    const group = groups.create(LIMITS);
    const { output } = await run(
      group,
      `exec /usr/bin/python3 -c '
import os, time
n = 0
try:
    while n < 100:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        n += 1
except BlockingIOError:
    print(n, flush=True)
    os.kill(0, 9)
'`,
    );
    expect(Number(output)).toBeGreaterThan(10);
    expect(Number(output)).toBeLessThan(LIMITS.processes);
    await group.remove();
    expect(foldersOf(group).filter(existsSync)).toEqual([]);
  });

  test("counts processor time, and gives no more than one core of it", async () => {
    using groups = openControlGroups();
    const group = groups.create(LIMITS);
    const started = performance.now();
    const child = start(group, "for i in 1 2 3; do (while :; do :; done) & done; wait");
    const closed = once(child, "close");
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 1_000);
    await promise;
    const { cpuSeconds = Number.NaN } = group.usage();
    const passed = (performance.now() - started) / 1_000;
    expect(cpuSeconds).toBeGreaterThan(0.1);
    expect(cpuSeconds).toBeLessThan(passed * 1.3 + 0.2);
    await group.remove();
    await closed;
  });

  test("ends what forks, ignores signals, and stops itself", async () => {
    using groups = openControlGroups();
    const group = groups.create(LIMITS);
    const child = start(
      group,
      `exec /usr/bin/python3 -c '
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for i in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0 and i == 0: os.kill(os.getpid(), signal.SIGSTOP)
print("up", flush=True)
while True:
    try:
        if os.fork() == 0: os._exit(0)
        os.wait()
    except OSError: pass
'`,
    );
    if (child.stdout === null) throw new Error("no output");
    await once(child.stdout, "data");
    const closed = once(child, "close");
    await group.remove();
    expect(foldersOf(group).filter(existsSync)).toEqual([]);
    await closed;
  });

  test("leaves no folder behind", async () => {
    const groups = openControlGroups();
    const all = Array.from({ length: 20 }, () => groups.create(LIMITS));
    const folders = all.flatMap(foldersOf);
    expect(folders.filter(existsSync)).toEqual(folders);
    await Promise.all(all.map((group) => group.remove()));
    groups[Symbol.dispose]();
    expect(folders.filter(existsSync)).toEqual([]);
    expect(folders.map((folder) => path.dirname(folder)).filter(existsSync)).toEqual([]);
  });

  test("removes what a dead host left behind, and nothing of a living one", async () => {
    using groups = openControlGroups();
    const own = groups.create(LIMITS);
    const [folder = ""] = foldersOf(own);
    const dead = path.join(path.dirname(path.dirname(folder)), deadIdentity());
    const orphan = path.join(dead, "sandbox");
    mkdirSync(orphan, { recursive: true });
    const child = spawn("/bin/sh", ["-c", `echo 0 > ${orphan}/cgroup.procs && echo up && exec sleep 60`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    expect(readFileSync(`${orphan}/cgroup.procs`, "utf8")).not.toBe("");
    const ended = once(child, "exit");
    expect(await groups.removeOrphans()).toBe(1);
    expect((await ended)[1]).toBe("SIGKILL");
    expect([existsSync(dead), existsSync(folder)]).toEqual([false, true]);
    await own.remove();
  });
});

/** What a host that has ended was called: this process with another start time. */
function deadIdentity(): string {
  return hostIdentity().replace(/\d+$/, "1");
}

describe.skipIf(process.platform !== "linux")("the name of a host", () => {
  test("tells the dead from the living", () => {
    expect(isDeadHost(hostIdentity())).toBe(false);
    expect(isDeadHost(deadIdentity())).toBe(true);
    expect(isDeadHost(hostIdentity().replace(/-\d+-\d+$/, "-4194305-1"))).toBe(true);
  });

  test("says nothing of what can't be seen from here", () => {
    expect(isDeadHost(hostIdentity().replace(/^[\da-f]{8}-\d+/, "00000000-1"))).toBe(false);
    expect(isDeadHost("something else")).toBe(false);
  });
});

/** Version 2, which a machine with version 1 still mounts, without controllers. */
const unified = hierarchies.find(({ version }) => version === 2);

describe.skipIf(unified === undefined || process.getuid?.() !== 0)("control groups of version 2", () => {
  test("end all of their processes at once", async () => {
    if (unified === undefined) return;
    using groups = openControlGroups([unified]);
    expect([...groups.holds]).toContain("cpuSeconds");
    const group = groups.create(LIMITS);
    const child = start(group, "trap '' TERM; sleep 60 & sleep 60 & echo up; wait");
    if (child.stdout === null) throw new Error("no output");
    await once(child.stdout, "data");
    const ended = once(child, "exit");
    await group.remove();
    expect((await ended)[1]).toBe("SIGKILL");
    expect(foldersOf(group).filter(existsSync)).toEqual([]);
  });
});
