import { describe, expect, test, vi } from "vitest";
import { wasm } from "../../src/host/sandbox/wasm.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { recordingPort } from "../suites/recording-port.ts";
import { createPlace } from "../suites/sandbox-case.ts";
import { denoChildren, killEach } from "./setup/child-processes.ts";

vi.setConfig({ hookTimeout: 180_000, testTimeout: 300_000 });

const create = (): ReturnType<typeof wasm> => wasm();

/** Ends every process that this one started. */
function killAll(): number {
  const children = denoChildren();
  killEach(children);
  return children.length;
}

describe.each([
  ["javascript", "await tools.srv.read({ n: 1 }); for (;;);", "return await tools.srv.read({})", "return 1"],
  ["python", "await tools.srv.read(n=1)\nwhile True: pass", "await tools.srv.read()", "1"],
] as const)("a process of %s is killed", (language, loop, call, one) => {
  test("while it waits for a program: the next program runs in another", async () => {
    await using sandbox = create();
    await sandbox.prepare();
    expect(killAll()).toBeGreaterThan(0);
    await vi.waitFor(() => expect(denoChildren()).toEqual([]));
    const { value } = createPlace(sandbox, language, create);
    // A run may be given one whose end is not known yet: it is told so, and the next one works.
    await vi.waitFor(async () => expect(await value(one)).toBe(1), { timeout: 30_000 });
  });

  test("while its program computes, or waits for a tool: that run has crashed, once, and the next one works", async () => {
    await using sandbox = create();
    const { run, value } = createPlace(sandbox, language, create);
    expect(await value(one)).toBe(1);
    const port = recordingPort(({ args }) =>
      args === "{}" ? new Promise(() => undefined) : { ok: true, json: args },
    );
    const waiting = run(call, { port });
    await port.called(1);
    expect(killAll()).toBeGreaterThan(0);
    expect(await waiting).toMatchObject({ status: "stopped", reason: "crashed" });

    const computing = run(loop, { port });
    await port.called(2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    killAll();
    expect(await computing).toMatchObject({ status: "stopped", reason: "crashed" });
    // One that was just starting is told as the reason; the next try starts another.
    await vi.waitFor(async () => expect(await value(one)).toBe(1), { timeout: 30_000 });
  });
});

test("a process that is killed while it starts is told as a reason, and the next run tries again", async () => {
  await using sandbox = create();
  await sandbox.probe();
  const { value } = createPlace(sandbox, "python", create);
  const first = value("1").catch((error: unknown) => error);
  await vi.waitFor(() => expect(denoChildren().length).toBeGreaterThan(0), { timeout: 60_000, interval: 5 });
  killAll();
  expect([1, expect.objectContaining({ code: 500, kind: "sandbox_unavailable" })]).toContainEqual(
    await first,
  );
  await vi.waitFor(async () => expect(await value("1")).toBe(1), { timeout: 30_000 });
});

test("after many runs and the end of the sandbox nothing is left", async () => {
  const sandbox = create();
  await sandbox.prepare();
  let left = EVERY_CASE ? 200 : 60;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const language = left % 10 === 0 ? "python" : "javascript";
      await using session = sandbox.open("s", resolveLimits());
      const program = { language, code: "inputs['n']", inputs: JSON.stringify({ n: left }) } as const;
      const n = left;
      const { signal } = new AbortController();
      expect(await session.run(program, recordingPort(), signal)).toMatchObject({
        status: "returned",
        json: String(n),
      });
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  await sandbox[Symbol.asyncDispose]();
  expect(denoChildren()).toEqual([]);
});

test("without Deno it refuses to run anything, and says how to get it", async () => {
  await using sandbox = wasm({ deno: "/nowhere/deno" });
  expect(await sandbox.probe()).toMatchObject({
    usable: false,
    hint: expect.stringContaining("npm install deno"),
  });
  await expect(sandbox.prepare()).rejects.toMatchObject({ code: 500, kind: "sandbox_unavailable" });
});
