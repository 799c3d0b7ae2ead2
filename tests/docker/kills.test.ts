import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findOptimizerError } from "../../src/base/errors.ts";
import { containerConfig } from "../../src/host/sandbox/container-config.ts";
import { docker } from "../../src/host/sandbox/docker.ts";
import { resolveDockerAddress } from "../../src/host/sandbox/docker-address.ts";
import { DockerEngine } from "../../src/host/sandbox/docker-engine.ts";
import { SANDBOX_IMAGE } from "../../src/host/sandbox/docker-image.ts";
import { DockerTransport } from "../../src/host/sandbox/docker-transport.ts";
import { hostIdentity } from "../../src/host/sandbox/host-identity.ts";
import { type HostSandbox, PLACE_LIMITS } from "../../src/host/sandbox/host-sandbox.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { answers, signalDaemon } from "../drivers/docker-daemon.ts";
import { recordingPort } from "../suites/recording-port.ts";
import { createPlace } from "../suites/sandbox-case.ts";

const { missing, address } = inject("docker");

/** Within this a run ends whose daemon is gone or silent. */
const ANSWER_MS = 5_000;
/** The same five seconds for a run to work again, and room for a machine that other suites share. */
const RECOVERY_MS = 15_000;

describe.skipIf(missing !== "")(`Docker is killed${missing && ` (${missing})`}`, () => {
  const engine = new DockerEngine(new DockerTransport(resolveDockerAddress({ address })));
  let sandbox: HostSandbox;
  beforeAll(async () => {
    sandbox = docker({ address, spares: 0, startTimeoutMs: 30_000 });
    await sandbox.probe();
  });
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
    expect((await engine.list("mcp-optimizer.host")).size).toBe(0);
  });

  const run = (code: string, port = recordingPort()): Promise<RunOutcome> =>
    createPlace(sandbox, "javascript", () => sandbox).run(code, { port });

  /** What became of a run, in one word, and how long it took. */
  const settle = async (running: Promise<RunOutcome>): Promise<string> =>
    running.then(
      (outcome) => (outcome.status === "stopped" ? outcome.reason : outcome.status),
      (error: unknown) => `${findOptimizerError(error)?.code}`,
    );

  const containers = async (): Promise<readonly string[]> => [
    ...(await engine.list("mcp-optimizer.host")).keys(),
  ];
  /** The daemon is back: a run works at once, and nothing of `before` is left. */
  const expectRecovery = async (before: readonly string[]): Promise<void> => {
    await eventually("the daemon answers", () => answers(address));
    const started = performance.now();
    expect(await settle(run("return 1"))).toBe("returned");
    expect(performance.now() - started).toBeLessThan(RECOVERY_MS);
    await expectGone(before);
  };
  const expectGone = (before: readonly string[]): Promise<void> =>
    eventually("nothing is left", async () => {
      const now = await containers();
      return before.every((id) => !now.includes(id));
    });

  /** A run whose program waits for a tool that never answers. */
  const wait = async (): Promise<{ readonly end: Promise<string> }> => {
    const port = recordingPort(() => new Promise(() => undefined));
    const end = settle(run("await tools.srv.wait({})", port));
    const early = end.then((word) => expect.fail(`It ended before it called: ${word}`));
    await Promise.race([port.called(1), early]);
    early.catch(() => undefined);
    return { end };
  };

  test.for([0, 30, 100, 250])("%i ms after a run began: it ends, and the next one works", async (delayMs) => {
    const running = settle(run("return 1"));
    await sleep(delayMs);
    const before = await containers();
    signalDaemon(address, "SIGKILL");
    // It may have been over.
    expect(["500", "crashed", "returned"]).toContain(await running);
    await expectRecovery(before);
  });

  test("while a program waits for a tool: its run ends as crashed, once", async () => {
    const running = await wait();
    const before = await containers();
    signalDaemon(address, "SIGKILL");
    const started = performance.now();
    expect(await running.end).toBe("crashed");
    expect(performance.now() - started).toBeLessThan(ANSWER_MS);
    await expectRecovery(before);
  });

  test("a daemon that hangs: a run under way and a new one end, and the next one works", async () => {
    const running = await wait();
    const before = await containers();
    signalDaemon(address, "SIGSTOP");
    try {
      const started = performance.now();
      const starting = settle(run("return 1"));
      expect(await Promise.all([running.end, starting])).toEqual(["crashed", "500"]);
      expect(performance.now() - started).toBeLessThan(ANSWER_MS);
    } finally {
      signalDaemon(address, "SIGCONT");
    }
    await expectRecovery(before);
  });

  test("a container that somebody removes: its run ends as crashed, and the next one works", async () => {
    const running = await wait();
    const before = await containers();
    for (const id of before) await engine.remove(id);
    expect(await running.end).toBe("crashed");
    await expectRecovery(before);
  });

  test("a run that is cancelled leaves no container, wherever it was", async () => {
    const others = await containers();
    const own = docker({ address, spares: 0, probed: await sandbox.probe() });
    const place = createPlace(own, "javascript", () => own);
    for (const delayMs of [0, 50, 200]) {
      const cancelling = AbortSignal.timeout(delayMs);
      expect(["cancelled", "returned"]).toContain(
        await settle(place.run("return 1", { signal: cancelling })),
      );
    }
    const before = (await containers()).filter((id) => !others.includes(id));
    await own[Symbol.asyncDispose]();
    await expectGone(before);
  });

  test("the containers of a host that was killed are removed by the next host, and those of a living one are not", async () => {
    const dead = hostIdentity().replace(/-\d+-\d+$/, `-${deadPid()}-1`);
    const image = await engine.findImage(SANDBOX_IMAGE);
    const make = (name: string, host: string): Promise<string> =>
      engine.create(
        name,
        containerConfig({
          imageId: image?.id ?? "",
          runner: "python",
          limits: PLACE_LIMITS,
          cpus: 1,
          labels: { "mcp-optimizer.host": host, "mcp-optimizer.use": "another" },
          seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}',
        }),
      );
    const orphan = await make("orphan", dead);
    const sibling = await make("sibling", hostIdentity());
    await engine.start(orphan);
    try {
      await using next = docker({ address });
      await createPlace(next, "python", () => next).run("return 1");
      await eventually("the orphan is removed", async () => (await engine.inspect(orphan)) === undefined);
      expect(await engine.inspect(sibling)).toBeDefined();
    } finally {
      await engine.remove(sibling);
    }
  });
});

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 30_000;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > until) expect.fail(`It did not come true: ${what}.`);
    await sleep(50);
  }
}

/** A number that no process has. */
function deadPid(): number {
  const { pid } = spawnSync("true");
  return pid;
}
