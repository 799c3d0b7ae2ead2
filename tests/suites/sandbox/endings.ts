import { expect } from "vitest";
import { resolveLimits } from "../../../src/sandbox/limits.ts";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

const CANCELLED = { status: "stopped", reason: "cancelled" };

export const ENDING_CASES: readonly SandboxCase[] = [
  javascript("does not start a program that is cancelled already", async ({ run }) => {
    const port = recordingPort();
    expect(
      await run("console.log('started'); return 1", { port, signal: AbortSignal.abort() }),
    ).toMatchObject(CANCELLED);
    expect(port.logs).toEqual([]);
  }),
  javascript("cancels while the program waits for a tool, and aborts the call", async ({ run, value }) => {
    const aborted = Promise.withResolvers<void>();
    const controller = new AbortController();
    const port = recordingPort(
      (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.resolve());
        }),
    );
    const running = run("await tools.srv.wait({}); return 1", { port, signal: controller.signal });
    await port.called(1);
    controller.abort();
    expect(await running).toMatchObject(CANCELLED);
    await aborted.promise;
    expect(await value("return 1")).toBe(1);
  }),
  javascript("cancels a loop", async ({ run, value }) => {
    const controller = new AbortController();
    const port = recordingPort();
    const code = "await tools.srv.hello({}); while (true);";
    const running = run(code, { port, signal: controller.signal, limits: { timeoutMs: 5_000 } });
    await port.called(1);
    const started = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort();
    expect(await running).toMatchObject(CANCELLED);
    // Long before the loop's own time is up.
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(await value("return 1")).toBe(1);
  }),
  javascript("drops an answer that comes after the end", async ({ run, value }) => {
    const answer = Promise.withResolvers<void>();
    const controller = new AbortController();
    const port = recordingPort(async () => {
      await answer.promise;
      return { ok: true, json: "1" };
    });
    const running = run("await tools.srv.wait({}); console.log('after'); return 1", {
      port,
      signal: controller.signal,
    });
    await port.called(1);
    controller.abort();
    expect(await running).toMatchObject(CANCELLED);
    answer.resolve();
    expect(await value("return 2")).toBe(2);
    expect(port.logs).toEqual([]);
  }),
  javascript("runs more programs than it has workers, each in its turn", async ({ create, value }) => {
    await using sandbox = create({ maxWorkers: 2 });
    const values = await Promise.all(
      Array.from({ length: 7 }, (_, n) =>
        value("return (await tools.srv.echo({ n: inputs.n })).n * 2", { sandbox, inputs: { n } }),
      ),
    );
    expect(values).toEqual([0, 2, 4, 6, 8, 10, 12]);
  }),
  javascript("cancels a program that waits for its turn", async ({ create, run }) => {
    await using sandbox = create({ maxWorkers: 1 });
    const release = Promise.withResolvers<void>();
    const port = recordingPort(async () => {
      await release.promise;
      return { ok: true, json: "1" };
    });
    const first = run("return await tools.srv.wait({})", { sandbox, port });
    await port.called(1);
    const controller = new AbortController();
    const second = run("return 2", { sandbox, signal: controller.signal });
    controller.abort();
    expect(await second).toMatchObject(CANCELLED);
    release.resolve();
    expect(await first).toMatchObject({ status: "returned", json: "1" });
  }),
  javascript("ends what runs when it is disposed, twice without harm", async ({ create, run }) => {
    const sandbox = create({ maxWorkers: 1 });
    const port = recordingPort(() => new Promise(() => {}));
    const running = run("await tools.srv.wait({}); return 1", { sandbox, port });
    await port.called(1);
    const waiting = run("return 2", { sandbox }).catch((error: unknown) => error);
    await sandbox[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ status: "stopped" });
    expect(await waiting).toMatchObject({ code: 500, kind: "closed" });
  }),
  javascript("refuses to run after it was disposed", async ({ create }) => {
    const sandbox = create({});
    await sandbox[Symbol.asyncDispose]();
    for (const limits of [{}, { memoryBytes: 32 * 1024 * 1024 }]) {
      const program = { language: "javascript", code: "return 1", inputs: "{}" } as const;
      const running = sandbox
        .open("late", resolveLimits(limits))
        .run(program, recordingPort(), new AbortController().signal);
      await expect(running).rejects.toMatchObject({ code: 500 });
    }
  }),
];
