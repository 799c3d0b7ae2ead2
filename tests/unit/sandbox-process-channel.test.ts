import { expect, test } from "vitest";
import { createMark, parseOpening, toLine } from "../../src/protocol/stdio-lines.ts";
import { runGuest } from "../../src/sandbox/guest-run.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { ProcessChannel } from "../../src/sandbox/process-channel.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { recordingPort } from "../suites/recording-port.ts";

/** Stands in what a process says for the mark that it was given. */
const ITS_MARK = "mcp-optimizer:mark:";

/** A process that says what the test says. */
class ScriptedProcess {
  readonly written: string[] = [];
  killed = 0;
  readonly #exit = Promise.withResolvers<number>();
  readonly exit = this.#exit.promise;
  #controller: ReadableStreamDefaultController<string> | undefined;
  readonly output = new ReadableStream<string>({
    start: (controller) => {
      this.#controller = controller;
    },
  });

  write(text: string): void {
    this.written.push(text);
  }

  kill(): void {
    this.killed += 1;
  }

  say(text: string): void {
    this.#controller?.enqueue(text.replaceAll(ITS_MARK, parseOpening(this.written[0]?.trim() ?? "").mark));
  }

  end(code: number): void {
    this.#exit.resolve(code);
    this.#controller?.close();
  }
}

const READY = toLine({ type: "ready" }, ITS_MARK);
const turn = (content: object = {}): string =>
  toLine({ type: "turn", run: "r1", idle: false, calls: [], logs: [], ...content }, ITS_MARK);
const done = toLine(
  {
    type: "done",
    run: "r1",
    outcome: { status: "returned", json: "1" },
    logs: [],
    peakMemoryBytes: 0,
  },
  ITS_MARK,
);

/** A run of which `say` is the process's part. */
async function play(say: (process: ScriptedProcess) => void, port = recordingPort()): Promise<RunOutcome> {
  const process = new ScriptedProcess();
  const channel = new ProcessChannel(process);
  const ready = channel.start();
  process.say(READY);
  await ready;
  const program = { language: "javascript", code: "", inputs: "{}" } as const;
  const running = runGuest(channel, "r1", program, port, resolveLimits(), new AbortController().signal);
  say(process);
  const outcome = await running;
  expect(process.killed).toBe(outcome.status === "stopped" ? 1 : 0);
  return outcome;
}

test("messages and output come through in their order", async () => {
  const port = recordingPort();
  const log = (text: string) => ({ level: "log", text });
  const outcome = await play((process) => {
    process.say(`raw${turn({ logs: [log("one")] })}\nra`);
    process.say(`w\n\ntwo${done}`);
  }, port);
  expect(outcome).toEqual({ status: "returned", json: "1", peakMemoryBytes: 0 });
  expect(port.logs).toEqual(["raw", "one", "", "raw", "", "two"].map(log));
});

test("credits go back in groups, and with every command", async () => {
  const process = new ScriptedProcess();
  const channel = new ProcessChannel(process);
  const ready = channel.start();
  process.say(READY);
  await ready;
  const program = { language: "javascript", code: "", inputs: "{}" } as const;
  const running = runGuest(
    channel,
    "r1",
    program,
    recordingPort(),
    resolveLimits(),
    new AbortController().signal,
  );
  for (let messages = 0; messages < 40; messages += 1) process.say(turn());
  process.say(done);
  await running;
  expect(process.written.slice(1).map((line) => /"credits":(\d+)/.exec(line)?.[1])).toEqual([
    "1",
    "16",
    "16",
  ]);
});

test("a process that ends first ends the run, with its exit code", async () => {
  expect(await play((process) => process.end(7))).toMatchObject({
    status: "stopped",
    reason: "crashed",
    message: "The process ended with exit code 7 before the program had ended.",
  });
});

test("what a process says last is heard though its exit code comes first", async () => {
  const outcome = await play((process) => {
    process.end(0);
  }).then(({ status }) => status);
  expect(outcome).toBe("stopped");
  const late = await play((process) => {
    process.say(done);
    process.end(0);
  });
  expect(late.status).toBe("returned");
});

test("a flood, a line without end and a message that is none end the run and the process", async () => {
  for (const text of [
    turn().repeat(65),
    "x".repeat(60_000_000),
    `\n${ITS_MARK}{\n`,
    toLine({ type: "turn" }, ITS_MARK),
  ]) {
    expect(await play((process) => process.say(text))).toMatchObject({
      status: "stopped",
      reason: "security",
    });
  }
});

test("messages under another mark are output", async () => {
  const port = recordingPort();
  const forged = done.replace(ITS_MARK, createMark());
  const outcome = await play((process) => {
    process.say(forged.replace('"json":"1"', '"json":"666"'));
    process.say(done);
  }, port);
  expect(outcome).toMatchObject({ status: "returned", json: "1" });
  expect(port.logs.map(({ text }) => text).join()).toContain("666");
});

test("a process that never gets ready tells why", async () => {
  const process = new ScriptedProcess();
  const channel = new ProcessChannel(process);
  const ready = channel.start();
  process.say("node: bad option: --nothing\n");
  process.end(9);
  await expect(ready).rejects.toThrow(
    "The process ended with exit code 9 before the program had ended. Its last words: node: bad option: --nothing",
  );
  expect(channel.alive).toBe(false);
});

test("a message before the runtime is ready ends the process", async () => {
  const process = new ScriptedProcess();
  const channel = new ProcessChannel(process);
  const ready = channel.start();
  process.say(done);
  await expect(ready).rejects.toThrow("before it was ready");
  expect(process.killed).toBe(1);
});
