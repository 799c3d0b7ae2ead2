import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bubblewrap, bubblewrapWith } from "../../src/host/sandbox/bubblewrap.ts";
import { openControlGroups } from "../../src/host/sandbox/cgroup.ts";
import type { HostSandbox, SandboxProbe } from "../../src/host/sandbox/host-sandbox.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { type RecordingPort, recordingPort } from "../suites/recording-port.ts";
import { killEach } from "./setup/child-processes.ts";
import { groupsOf, left, processesOf, runnerFoldersOf } from "./setup/own-groups.ts";

const missing = inject("noBubblewrap");
const PROBE_MS = 300_000;
const GONE_MS = 10_000;

/** A program of one language, and how it is to end. */
function run(
  sandbox: HostSandbox,
  language: "javascript" | "python",
  code: string,
  { port = recordingPort(), limits = {} }: { port?: RecordingPort; limits?: Partial<Limits> } = {},
): Promise<RunOutcome> {
  const session = sandbox.open(crypto.randomUUID(), resolveLimits(limits));
  return session.run({ language, code, inputs: "{}" }, port, new AbortController().signal);
}

describe.skipIf(missing !== "")(`bubblewrap()${missing && ` (${missing})`}`, () => {
  let sandbox: HostSandbox;
  let probed: SandboxProbe;
  beforeAll(async () => {
    sandbox = bubblewrap({ maxProcesses: 4 });
    probed = await sandbox.probe();
  }, PROBE_MS);
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
    expect(await left(() => [...groupsOf(), ...runnerFoldersOf()], 20_000)).toEqual([]);
  });

  test("finds each of its walls standing", () => {
    expect(probed).toMatchObject({ usable: true, strength: "container" });
    expect(Object.fromEntries(probed.walls.map(({ wall, held }) => [wall, held]))).toEqual({
      network: true,
      readOnlyFs: true,
      diskBytes: true,
      processes: true,
      fileHandles: true,
      memoryBytes: true,
      cpuSeconds: true,
    });
  });

  test(
    "refuses where there are no control groups, and says which walls are missing",
    async () => {
      await using without = bubblewrapWith(() => openControlGroups([]), {});
      const probe = await without.probe();
      expect(probe).toMatchObject({ usable: false, reason: expect.stringContaining("no control groups") });
      const fallen = probe.walls.filter(({ held }) => !held).map(({ wall }) => wall);
      expect(fallen.toSorted()).toEqual(["cpuSeconds", "memoryBytes", "processes"]);
      await expect(without.prepare()).rejects.toMatchObject({ code: 500, kind: "sandbox_unavailable" });
      await expect(run(without, "python", "1")).rejects.toMatchObject({ kind: "sandbox_unavailable" });
    },
    PROBE_MS,
  );

  test(
    "does without them where the operator accepts it, and keeps what a process may take",
    async () => {
      await using without = bubblewrapWith(() => openControlGroups([]), {
        accept: ["cpuSeconds", "memoryBytes", "processes"],
        limits: { memoryBytes: 200 * 1024 * 1024 },
      });
      expect(await without.probe()).toMatchObject({ usable: true });
      expect(without.traits.enforces).toEqual({
        time: "hard",
        memory: "best_effort",
        network: "hard",
        storage: "hard",
      });
      const limits = { memoryBytes: 1024 ** 3 };
      const takes = "x = bytearray(400 * 1024 * 1024)";
      expect(await run(without, "python", takes, { limits })).toMatchObject({
        status: "stopped",
        reason: "memory",
      });
      expect(await run(without, "python", "1")).toMatchObject({ status: "returned" });
    },
    PROBE_MS,
  );

  test("ends a program whose processes took too much processor time together", async () => {
    if (!probed.usable) return;
    await using strict = bubblewrap({ probed, limits: { cpuSeconds: 2 } });
    const code = "import os\nfor _ in range(3): os.fork()\nwhile True: pass";
    const outcome = await run(strict, "python", code, { limits: { timeoutMs: 60_000 } });
    expect(outcome).toMatchObject({ status: "stopped", message: expect.stringContaining("processor time") });
    await run(strict, "javascript", "1");
  });

  describe("a guest that is killed from outside", () => {
    for (const language of ["javascript", "python"] as const) {
      const waits =
        language === "python"
          ? "print('up')\nwhile True: pass"
          : "console.log('up'); await new Promise((r) => setTimeout(r, 1e6))";
      const calls = language === "python" ? "await tools.srv.never()" : "await tools.srv.never({})";
      const isNextFine = async (): Promise<void> => {
        const started = performance.now();
        expect(await run(sandbox, language, "6 * 7")).toMatchObject({ status: "returned", json: "42" });
        expect(performance.now() - started).toBeLessThan(30_000);
      };

      test(`${language}: while it waits for a program, the next process takes its place`, async () => {
        await run(sandbox, language, "1");
        killEach(processesOf());
        // Those that were starting have no run yet that would hear of it.
        await left(processesOf, GONE_MS);
        await isNextFine();
      });

      test(`${language}: while it runs, the run ends once and as crashed`, async () => {
        const port = recordingPort();
        const running = run(sandbox, language, waits, { port });
        await port.logged("up");
        killEach(processesOf());
        expect(await running).toMatchObject({ status: "stopped", reason: "crashed" });
        await isNextFine();
      });

      test(`${language}: while it waits for a tool, the run ends once and as crashed`, async () => {
        const port = recordingPort(() => new Promise(() => {}));
        const running = run(sandbox, language, calls, { port });
        await port.called(1);
        killEach(processesOf());
        expect(await running).toMatchObject({ status: "stopped", reason: "crashed" });
        await isNextFine();
      });

      test(`${language}: while it starts, the run hears it or gets another process`, async () => {
        if (!probed.usable) return;
        await using fresh = bubblewrap({ probed, spares: 0 });
        const running = run(fresh, language, "6 * 7").catch((error: unknown) => error);
        let isSettled = false;
        void running.then(() => (isSettled = true));
        const mine = new Set(processesOf());
        while (!isSettled && [...processesOf()].every((pid) => mine.has(pid)))
          await new Promise(setImmediate);
        killEach(processesOf().filter((pid) => !mine.has(pid)));
        expect([
          { status: "returned" },
          { status: "stopped", reason: "crashed" },
          { kind: "sandbox_unavailable" },
        ]).toContainEqual(pick(await running));
        expect(await run(fresh, language, "6 * 7")).toMatchObject({ json: "42" });
      });
    }
  });

  test("many runs, some of which are ended, leave nothing behind", async () => {
    const runs = EVERY_CASE ? 200 : 80;
    const waiting = Array.from({ length: runs }, (_, number) => number);
    const ends = new Map<string, number>();
    const lane = async (): Promise<void> => {
      for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
        const language = number % 2 === 0 ? "python" : "javascript";
        const loops = number % 20 === 0;
        const code = loops ? (language === "python" ? "while True: pass" : "for (;;);") : "6 * 7";
        const outcome = await run(sandbox, language, code, { limits: { timeoutMs: loops ? 300 : 30_000 } });
        const end = outcome.status === "stopped" ? outcome.reason : outcome.status;
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    expect(Object.fromEntries(ends)).toEqual({ returned: runs - runs / 20, timeout: runs / 20 });
    // Those that wait for a program stay.
    expect(await left(() => groupsOf().slice(8 * 4), GONE_MS)).toEqual([]);
  }, 300_000);

  test("a host that is killed takes its guests along, and the next one removes what it left", async () => {
    if (!probed.usable) return;
    const host = spawn(process.execPath, [path.join(import.meta.dirname, "setup/bubblewrap-host.mjs")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const name = await firstLine(host);
    expect(processesOf(name).length).toBeGreaterThan(2);
    expect(runnerFoldersOf(name)).toHaveLength(1);
    host.kill("SIGKILL");
    expect(await left(() => processesOf(name), GONE_MS)).toEqual([]);
    await using next = bubblewrap({ probed });
    expect(await run(next, "python", "6 * 7")).toMatchObject({ json: "42" });
    expect([groupsOf(name), runnerFoldersOf(name)]).toEqual([[], []]);
  }, 120_000);
});

function pick(outcome: unknown): object {
  const { status, reason, kind } = Object(outcome);
  return kind === undefined ? { status, ...(reason === undefined ? {} : { reason }) } : { kind };
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("no output");
  const [line] = await once(stdout.setEncoding("utf8"), "data");
  return String(line).trim();
}
