// Guests that broke out of their engine: they speak for its worker, in a process that may do nothing. No way out
// of the engines is known; these begin where one would end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { denoCommand } from "../../../src/host/sandbox/deno.ts";
import { wasm } from "../../../src/host/sandbox/wasm.ts";
import { ATTEMPTS, attemptScript } from "../../../src/host/sandbox/wasm-attempts.ts";
import { type FrozenRun, sealFrozenRun } from "../../../src/protocol/frozen-run.ts";
import { runGuest } from "../../../src/sandbox/guest-run.ts";
import { resolveLimits } from "../../../src/sandbox/limits.ts";
import type { RunOutcome } from "../../../src/sandbox/sandbox.ts";
import { recordingPort } from "../../suites/recording-port.ts";
import { createPlace } from "../../suites/sandbox-case.ts";
import { resume, suspend, yes } from "../../suites/suspended-run.ts";
import {
  hostileWorker,
  outputOf,
  realmCommand,
  realmInput,
  requireDeno,
  startRealm,
} from "../setup/deno-realm.ts";

const MIB = 1024 * 1024;

/** How a run ends on a worker that does this with it. */
async function attack(
  body: string,
  options: { readonly timeoutMs?: number; readonly memoryBytes?: number; readonly cpuSeconds?: number } = {},
): Promise<{ readonly outcome: RunOutcome; readonly logs: readonly string[] }> {
  const { timeoutMs = 20_000, ...limits } = options;
  const { channel, gone } = startRealm(hostileWorker(body), limits);
  await channel.start();
  const port = recordingPort();
  const program = { language: "javascript", code: "1", inputs: "{}" } as const;
  const { signal } = new AbortController();
  const outcome = await runGuest(channel, "r1", program, port, resolveLimits({ timeoutMs }), signal);
  channel.kill();
  await gone;
  return { outcome, logs: port.logs.map(({ text }) => text) };
}

describe("wants something of the machine", () => {
  const hits: string[] = [];
  const server = createServer((request, response) => {
    hits.push(request.url ?? "");
    response.setHeader("content-type", "text/javascript").end("");
  });
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-realm-"));
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  /** The attempts as the first script of a process, which nothing stands in front of. */
  const firstScript = (): string => {
    const { port } = server.address() as AddressInfo;
    const files = `{ address: encode("127.0.0.1:${port}"), file: encode(${JSON.stringify(requireDeno())}) }`;
    return `
      const encode = (text) => new TextEncoder().encode(text);
      globalThis.postMessage = (text) => { console.log(text); Deno.exit(0); };
      addEventListener("error", (event) => event.preventDefault());
      ${attemptScript(ATTEMPTS)}
      self.onmessage({ data: { files: ${files} } });`;
  };

  test("every attempt is refused to the worker, and what the probe says is so", async () => {
    await using sandbox = wasm();
    const found = await sandbox.probe();
    expect(found).toMatchObject({ usable: true, strength: "language" });
    expect(found.walls.filter(({ held }) => !held)).toEqual([]);
  });

  test("every attempt is refused to the first script of such a process too", async () => {
    const output = await outputOf(denoCommand(requireDeno(), firstScript(), 128 * MIB));
    expect(JSON.parse(output)).toEqual({ type: "ready" });
    expect(hits).toEqual([]);
  });

  test("control: the same script can do all of it in a Deno that may do everything", async () => {
    const { file, args, env, cwd } = denoCommand(requireDeno(), firstScript(), 128 * MIB);
    const output = await outputOf({
      file,
      args: ["run", "-A", args.at(-1) ?? ""],
      env: { ...env, DENO_DIR: folder, HOME: folder, DENO_WEBGPU_BACKEND: "" },
      cwd,
    });
    const could: string[] = JSON.parse(output).message.split(", ");
    // Not every machine has a graphics driver.
    // The others need what the probe hands over beside the script: an address, a file, a worker of the keeper's.
    const alone = ["node:fs", "import text", "node:sqlite", "node:child_process", "signal", "host name"];
    expect(could).toEqual(expect.arrayContaining(alone));
  });

  test("a process that may do something is not used, and says what", async () => {
    await using sandbox = wasm({
      wrap: (command) => ({
        ...command,
        args: command.args.map((arg) => arg.replace("--deny-read", "--allow-read")),
      }),
    });
    expect(await sandbox.probe()).toMatchObject({
      usable: false,
      reason: expect.stringContaining("the process may still do this: read"),
    });
    await expect(sandbox.prepare()).rejects.toMatchObject({ code: 500, kind: "sandbox_unavailable" });
  });
});

describe("wants more than its share", () => {
  test("memory outside of the engine: the process is ended", async () => {
    const { outcome } = await attack(
      "const all = []; for (;;) { all.push(new Uint8Array(8_000_000).fill(1)); await 0; }",
      { memoryBytes: 256 * MIB },
    );
    expect(outcome).toMatchObject({
      status: "stopped",
      reason: "memory",
      message: "The program's process took more than 268435456 bytes of memory.",
    });
  });

  test("the heap: the process is ended", async () => {
    const { outcome } = await attack("const all = []; for (;;) all.push({ all, at: [all.length] });");
    expect(outcome).toMatchObject({ status: "stopped" });
    expect(["memory", "crashed"]).toContain(outcome.status === "stopped" ? outcome.reason : "");
  });

  test("time: a loop that no engine interrupts is ended", async () => {
    const { outcome } = await attack("for (;;);", { timeoutMs: 300 });
    expect(outcome).toMatchObject({ status: "stopped", reason: "timeout" });
  });

  test("processor time by threads of its own: the process is ended", async () => {
    const { outcome } = await attack(
      `for (let at = 0; at < 4; at += 1) new Worker("data:text/javascript,for(;;);", { type: "module" });`,
      { cpuSeconds: 2, timeoutMs: 60_000 },
    );
    expect(outcome).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program's process took more than 2 s of processor time.",
    });
  });

  test("to outlive its host: it ends with its standard input, also in a loop", async () => {
    const { file, args, env, cwd } = realmCommand();
    const child = spawn(file, args, { env, cwd, stdio: ["pipe", "pipe", "ignore"] });
    const ended = once(child, "exit");
    for (const part of realmInput(`self.postMessage("x"); for (;;);`)) child.stdin.write(part);
    child.stdin.write("mcp-optimizer:00000000-0000-0000-0000-000000000000:\n");
    // It loops by then, and its host is gone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    child.stdin.destroy();
    expect(await ended).toBeDefined();
  });
});

describe("wants to be believed", () => {
  test("lines past the keeper are output of the program, whatever mark they have", async () => {
    const { outcome, logs } = await attack(`
      const done = { type: "done", run, outcome: { status: "returned", json: "1" }, logs: [], peakMemoryBytes: 0 };
      const line = "mcp-optimizer:00000000-0000-0000-0000-000000000000:" + JSON.stringify(done);
      const source = "Deno.stdout.writeSync(new TextEncoder().encode(" + JSON.stringify("\\n" + line + "\\n") + "));postMessage(0)";
      const writer = new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module" });
      await new Promise((resolve) => { writer.onmessage = resolve; });
      post({ ...done, outcome: { status: "returned", json: "2" } });`);
    expect(outcome).toMatchObject({ status: "returned", json: "2" });
    expect(logs.join("\n")).toContain("mcp-optimizer:00000000-0000-0000-0000-000000000000:");
  });

  test.each([
    ["what is no text", "self.postMessage({ type: 'done' })"],
    ["text that is no JSON", "self.postMessage('done')"],
    ["JSON that is no message", "self.postMessage('[]')"],
    [
      "a message over its size",
      "self.postMessage(JSON.stringify({ type: 'x', text: 'x'.repeat(40_000_000) }))",
    ],
    ["a message of another run", "post({ type: 'usage', run: 'r2', memoryBytes: 1 })"],
    ["that it is ready, again", "post({ type: 'ready' })"],
  ])("%s ends the run", async (_name, body) => {
    const { outcome } = await attack(body);
    expect(outcome).toMatchObject({ status: "stopped", reason: "security" });
  });

  test("a flood of messages ends the run", async () => {
    const { outcome } = await attack("for (;;) post({ type: 'usage', run, memoryBytes: 1 });");
    expect(outcome).toMatchObject({ status: "stopped", reason: "security" });
  });
});

describe("a store that changes frozen runs", () => {
  const sandbox = wasm();
  const limits = { memoryBytes: 16 * MIB };
  const place = createPlace(sandbox, "javascript", () => wasm());
  let frozen: FrozenRun;
  beforeAll(async () => {
    ({ frozen } = await suspend(place, "const mine = 40; return (await tools.srv.ask({})) + mine", {
      limits,
    }));
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  /** What whoever can write to the store can seal. */
  const goOn = async (changed: Partial<FrozenRun>): Promise<RunOutcome> =>
    resume(place, await sealFrozenRun({ ...frozen, ...changed }), { limits, replies: [yes(1, 2)] });

  test.for([
    ["noise", () => crypto.getRandomValues(new Uint8Array(4_096)), "crashed"],
    [
      "noise that is packed",
      () => Uint8Array.from(gzipSync(crypto.getRandomValues(new Uint8Array(4_096)))),
      "crashed",
    ],
    ["a bomb", () => Uint8Array.from(gzipSync(new Uint8Array(256 * MIB))), "memory"],
  ] as const)("puts %s in the place of the memory: that run ends, and no other", async ([, make, reason]) => {
    expect(await goOn({ snapshot: make() })).toMatchObject({ status: "stopped", reason });
    expect(await goOn({})).toMatchObject({ status: "returned", json: "42" });
  });

  test("says that it is of Python, and reaches nothing by it", async () => {
    const program = { ...frozen.program, language: "python" } as const;
    expect(await goOn({ program })).toMatchObject({ status: "returned", json: "42" });
  });

  test("changes it without sealing, or gives it to another session: nothing runs", async () => {
    const { snapshot } = frozen;
    const changed = {
      ...frozen,
      snapshot: Uint8Array.from(snapshot, (byte, at) => (at === 99 ? byte ^ 1 : byte)),
    };
    await expect(resume(place, changed, { limits })).rejects.toMatchObject({ code: 403, kind: "integrity" });
    await expect(resume(place, frozen, { limits, session: "another" })).rejects.toMatchObject({
      code: 403,
      kind: "integrity",
    });
  });
});
