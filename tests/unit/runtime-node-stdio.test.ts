import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import parser from "../../src/runtimes/node-parser.ts?node";
import source from "../../src/runtimes/node-stdio.ts?node";
import { runGuest } from "../../src/sandbox/guest-run.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import { ProcessChannel } from "../../src/sandbox/process-channel.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { recordingPort } from "../suites/recording-port.ts";

let folder: string;
let script: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-stdio-"));
  script = path.join(folder, "runtime.cjs");
  await writeFile(script, source);
  await writeFile(path.join(folder, "parser.cjs"), parser);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"])),
  );

const openChannel = (child: ChildProcess): ProcessChannel => {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("The process has no streams.");
  stdout.setEncoding("utf8");
  return new ProcessChannel({
    output: Readable.toWeb(stdout) as ReadableStream<string>,
    exit: exitOf(child),
    write: (text) => void stdin.write(text),
    kill: () => void child.kill(),
  });
};

async function run(
  child: ChildProcess,
  code: string,
  port = recordingPort(),
  limits: Partial<Limits> = {},
): Promise<RunOutcome> {
  const channel = openChannel(child);
  await channel.start();
  const program = { language: "javascript", code, inputs: '{"n":2}' } as const;
  return runGuest(channel, "r1", program, port, resolveLimits(limits), new AbortController().signal);
}

describe("a process of the runtime", () => {
  test("runs one program, then ends by itself", async () => {
    const child = spawn(process.execPath, [script], { cwd: folder });
    const exit = exitOf(child);
    const outcome = await run(child, "return (await tools.srv.echo({ n: inputs.n })).n * 2");
    expect(outcome).toMatchObject({ status: "returned", json: "4" });
    expect(await exit).toBe(128 + constants.signals.SIGKILL);
  });

  test.skipIf(process.platform !== "linux")("has its second thread when it is a spare", async () => {
    const threads = async (isSpare: boolean): Promise<number> => {
      const child = spawn(process.execPath, [script], { cwd: folder });
      const channel = openChannel(child);
      await channel.start(isSpare);
      const count = (await readdir(`/proc/${child.pid}/task`)).length;
      channel.kill();
      return count;
    };
    expect((await threads(true)) - (await threads(false))).toBe(1);
  });

  test("ends when nobody drives it any more", async () => {
    const child = spawn(process.execPath, [script], { cwd: folder });
    child.stdin.end();
    expect(await exitOf(child)).toBe(128 + constants.signals.SIGKILL);
  });

  test("ends a program that never lets go of its thread, with all that it logged", async () => {
    const child = spawn(process.execPath, [script], { cwd: folder });
    const port = recordingPort();
    const code = "for (let n = 0; n < 200; n += 1) console.warn(n); for (;;);";
    const exit = exitOf(child);
    const outcome = await run(child, code, port, { timeoutMs: 500 });
    expect(await exit).toBe(128 + constants.signals.SIGKILL);
    expect(outcome).toMatchObject({ status: "stopped", reason: "timeout" });
    expect(port.logs).toEqual(Array.from({ length: 200 }, (_, n) => ({ level: "warn", text: String(n) })));
  });

  test("ends a program that needs more memory than it may, and whose heap is full", async () => {
    const code = async (
      limits: Partial<Limits>,
      what: string,
      ...flags: readonly string[]
    ): Promise<RunOutcome> => {
      const child = spawn(process.execPath, [...flags, script], {
        cwd: folder,
        stdio: ["pipe", "pipe", "ignore"],
      });
      const exit = exitOf(child);
      const outcome = await run(
        child,
        `const held = []; for (;;) held.push(${what});`,
        recordingPort(),
        limits,
      );
      // Else it would go on and take all memory of this machine.
      await exit;
      return outcome;
    };
    const buffers = await code({ memoryBytes: 16 * 1024 * 1024 }, "new Uint8Array(1e6).fill(1)");
    const objects = await code({}, "{ n: held.length }", "--max-old-space-size=32");
    for (const outcome of [buffers, objects])
      expect(outcome).toMatchObject({ status: "stopped", reason: "memory" });
  });

  test("hides the commands from its program, and its own functions from changes", async () => {
    const child = spawn(process.execPath, [script], { cwd: folder });
    const code = `
      JSON.stringify = JSON.parse = String.prototype.slice = Map.prototype.get = () => "broken";
      performance.now = Date.now = () => 0;
      let read = "";
      for await (const piece of process.stdin) read += piece;
      return [read, (await tools.srv.echo({ n: 1 })).n];`;
    expect(await run(child, code)).toMatchObject({ status: "returned", json: '["",1]' });
  });

  test("writes nothing to standard error", async () => {
    const child = spawn(process.execPath, [script], { cwd: folder });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => {
      errors += data.toString();
    });
    await run(child, 'await import("node:fs"); new Buffer(1); return 1');
    expect(errors).toBe("");
  });

  test("speaks through a terminal as through a pipe, without an echo of what it is told", async ({
    skip,
  }) => {
    const terminal = "/usr/bin/script";
    if (!existsSync(terminal)) return skip(`${terminal} is missing, which lends a terminal`);
    const child = spawn(terminal, ["-qec", `${process.execPath} ${script}`, "/dev/null"], { cwd: folder });
    const port = recordingPort();
    const text = "é\u007f\u0003".repeat(5_000);
    const outcome = await run(
      child,
      `console.log("one"); return (await tools.srv.echo({ text: ${JSON.stringify(text)} })).text`,
      port,
    );
    expect(outcome).toMatchObject({ status: "returned", json: JSON.stringify(text) });
    expect(port.logs).toEqual([{ level: "log", text: "one" }]);
  });
});
