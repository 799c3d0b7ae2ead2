import { afterAll, describe, expect, test } from "vitest";
import type { GuestPort } from "../../src/protocol/guest-protocol.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { webcontainer } from "../../src/webcontainer.ts";
import { recordingPort } from "../suites/recording-port.ts";
import { bootContainer, findProcesses, setMode } from "./setup/webcontainer/page.ts";

const CLIENT = "runs";
const container = await bootContainer(CLIENT);
const sandbox = webcontainer({
  container,
  files: {
    "data.csv": { file: { contents: "a,b\n1,é\n" } },
    lib: { directory: { "double.cjs": { file: { contents: "module.exports = (n) => 2 * n;" } } } },
    "bytes.bin": { file: { contents: new Uint8Array([0, 128, 255]) } },
  },
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  container.teardown();
});

interface Options {
  readonly port?: GuestPort;
  readonly limits?: Partial<Limits>;
  readonly on?: Sandbox;
  readonly signal?: AbortSignal;
}

function run(code: string, options: Options = {}): Promise<RunOutcome> {
  const { port = recordingPort(), limits, on = sandbox, signal = new AbortController().signal } = options;
  return on
    .open("test", resolveLimits(limits))
    .run({ language: "typescript", code, inputs: "{}" }, port, signal);
}

async function value(code: string, options?: Options): Promise<unknown> {
  const outcome = await run(code, options);
  if (outcome.status !== "returned") expect.fail(JSON.stringify(outcome));
  return JSON.parse(outcome.json);
}

/** Resolves when `holds` does, asked in turns; the test's own time bounds it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const isEmpty = async (): Promise<boolean> => (await findProcesses(CLIENT)).length === 0;
const runFolders = (): Promise<string[]> => container.fs.readdir(".mcp-optimizer");

describe("a program in the container", () => {
  test("has Node's modules beside its tools", async () => {
    const code = `
      const { createHash } = await import("node:crypto");
      const { basename } = require("node:path");
      const { text }: { text: string } = await tools.srv.echo({ text: "x" });
      return [createHash("sha256").update(text).digest("hex").slice(0, 8), basename(process.cwd()), typeof setInterval]`;
    expect(await value(code)).toEqual(["2d711642", "work", "function"]);
  });

  test("finds the files in its working directory, and leaves the next run its own", async () => {
    const code = `
      const fs = require("node:fs");
      const seen = [fs.readFileSync("data.csv", "utf8"), require("./lib/double.cjs")(21), [...fs.readFileSync("bytes.bin")]];
      fs.writeFileSync("data.csv", "changed");
      fs.writeFileSync("left", "behind");
      return [...seen, fs.readdirSync(".").toSorted()]`;
    const expected = ["a,b\n1,é\n", 42, [0, 128, 255], ["bytes.bin", "data.csv", "left", "lib"]];
    expect(await value(code)).toEqual(expected);
    expect(await value(code)).toEqual(expected);
  });

  test("leaves neither a process nor a directory", async () => {
    await value("return 1");
    await run("throw new Error('x')");
    await run("setInterval(() => {}, 10); return 1");
    await until(isEmpty);
    await until(async () => (await runFolders()).length === 0);
  });

  test("writes to the standard streams, line by line, in order with its logs", async () => {
    const port = recordingPort();
    const code = `
      console.log("one");
      process.stdout.write("tw");
      process.stdout.write("o\\nthree");
      console.error({ four: 4 });
      process.stderr.write("five\\n");
      console.table([1]);
      console.group();
      return 1`;
    expect(await value(code, { port })).toBe(1);
    expect(port.logs).toEqual([
      { level: "log", text: "one" },
      { level: "log", text: "two" },
      { level: "error", text: '{"four":4}' },
      { level: "error", text: "five" },
      { level: "log", text: "[1]" },
      { level: "log", text: "three" },
    ]);
  });

  test("has what its children print among its logs", async () => {
    const port = recordingPort();
    const code = `
      const { spawnSync } = require("node:child_process");
      const { status } = spawnSync(process.execPath, ["-e", "console.log('from a child'); process.exit(7)"], { stdio: ["ignore", "inherit", "inherit"] });
      return status`;
    expect(await value(code, { port })).toBe(7);
    expect(port.logs).toEqual([{ level: "log", text: "from a child" }]);
  });

  test("tells the exit code with which it ends its process", async () => {
    for (const code of [0, 3]) {
      expect(await run(`console.log("bye"); process.exit(${code})`)).toMatchObject({
        status: "stopped",
        reason: "crashed",
        message: `The program ended its process with exit code ${code}.`,
      });
    }
  });

  test("tells the exit code of a process that died, with its logs", async () => {
    const port = recordingPort();
    const outcome = await run(
      "console.log('last words'); await new Promise((r) => setTimeout(r, 200)); process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})",
      { port },
    );
    expect(outcome).toMatchObject({
      status: "stopped",
      reason: "crashed",
      message: "The process ended with exit code 143 before the program had ended.",
    });
    expect(port.logs).toEqual([{ level: "log", text: "last words" }]);
    expect(await value("return 1")).toBe(1);
  });

  test("is told how to load Node's modules where it declares an import", async () => {
    const outcome = await run('import fs from "node:fs"; return 1');
    expect(outcome).toMatchObject({
      status: "threw",
      error: { kind: "syntax", hint: expect.stringContaining('await import("node:fs")') },
    });
  });

  test("counts waiting for a tool as waiting also while a promise of Node's has settled before", async () => {
    const port = recordingPort(async ({ args }) => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return { ok: true, json: args };
    });
    const code = `
      const waiting = tools.srv.slow({ n: 1 });
      await require("node:fs/promises").readFile("data.csv");
      await new Promise((done) => setTimeout(done, 20));
      return await waiting`;
    expect(await value(code, { port, limits: { timeoutMs: 1_000 } })).toEqual({ n: 1 });
  });

  test("ends at its time, and no process is left", async () => {
    expect(await run("while (true);", { limits: { timeoutMs: 300 } })).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program ran longer than 300 ms.",
    });
    await until(isEmpty);
  });
});

describe("a container that follows no signal", () => {
  test("that is borrowed stays as it is, and serves the next run", async () => {
    await setMode(CLIENT, "deaf");
    await using other = webcontainer({ container });
    const controller = new AbortController();
    const port = recordingPort(() => new Promise(() => {}));
    const running = run("await tools.srv.wait({})", { port, on: other, signal: controller.signal });
    await port.called(1);
    controller.abort();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
    expect(await value("return 2", { on: other })).toBe(2);
    expect((await findProcesses(CLIENT)).length).toBeGreaterThan(0);
    await setMode(CLIENT, "well");
  });
});
