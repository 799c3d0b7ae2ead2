// The attacker owns the Node process in the container, finds its mark in its memory, and writes to its
// standard output past our runtime. He wants to settle what is not his, to call past the limits, to keep the page's thread busy,
// or to go on after the end.

import { afterAll, describe, expect, test } from "vitest";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { webcontainer } from "../../src/webcontainer.ts";
import { bootContainer, findProcesses } from "../browser/setup/webcontainer/page.ts";
import type { Differences } from "../suites/differences.ts";
import { type RecordingPort, recordingPort } from "../suites/recording-port.ts";
import { skipWhere } from "../suites/skips.ts";
import { LOADED_MACHINE_MS, watchPage } from "./setup/page-watch.ts";

const CLIENT = "attacks";
const container = await bootContainer(CLIENT);
afterAll(() => container.teardown());

function run(
  sandbox: Sandbox,
  code: string,
  port: RecordingPort = recordingPort(),
  limits: Partial<Limits> = {},
): Promise<RunOutcome> {
  return sandbox
    .open("attack", resolveLimits(limits))
    .run({ language: "javascript", code, inputs: "{}" }, port, new AbortController().signal);
}

/** The page of the service that stands in for the real one is the browser's too. */
const SLOW_STREAM: Differences = {
  webkit:
    "The service that stands in hands a flood on too slowly in WebKitGTK, and starts nothing meanwhile.",
};

const endOf = (outcome: RunOutcome): string =>
  outcome.status === "stopped" ? `stopped/${outcome.reason}` : outcome.status;

/** What an attack has at hand. Its run is the first of its sandbox, and bears that name. */
const TOOLKIT = `
  const { writeSync } = require("node:fs");
  const raw = (text) => { for (let rest = Buffer.from(text); rest.length > 0; ) { try { rest = rest.subarray(writeSync(1, rest)); } catch (error) { if (error.code !== "EAGAIN") throw error; } } };
  const mark = findMark();
  function findMark() {
    const fs = require("node:fs");
    const memory = fs.openSync("/proc/self/mem", "r");
    for (const line of fs.readFileSync("/proc/self/maps", "utf8").split("\\n")) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p/.exec(line) ?? [];
      if (from === undefined) continue;
      const bytes = Buffer.alloc(parseInt(to, 16) - parseInt(from, 16));
      try { fs.readSync(memory, bytes, 0, bytes.length, parseInt(from, 16)); } catch { continue; }
      const found = /mcp-optimizer:[0-9a-f-]{36}:/.exec(bytes.toString("latin1"));
      if (found !== null) return found[0];
    }
    throw new Error("no mark in sight");
  }
  const say = (message) => raw("\\n" + mark + JSON.stringify(message) + "\\n");
  const turn = (content) => say({ type: "turn", run: "r1", idle: false, calls: [], logs: [], ...content });
  const done = (value, more) => say({ type: "done", run: "r1", outcome: { status: "returned", json: JSON.stringify(value) }, logs: [], peakMemoryBytes: 0, ...more });
  const call = (id, target = "srv.secret") => ({ id, operation: "tool", target, args: "{}" });
  const rest = () => new Promise(() => setInterval(() => {}, 1000));
`;

interface Case {
  readonly wants: string;
  readonly does: string;
  readonly ends: string | RegExp;
  readonly limits?: Partial<Limits>;
  readonly differs?: Differences;
}

const cases: readonly Case[] = [
  { wants: "the parser to throw", does: 'raw("\\n" + mark + "{\\n")', ends: "stopped/security" },
  {
    wants: "an unknown type to be handled",
    does: 'say({ type: "constructor", run: "r1" })',
    ends: "stopped/security",
  },
  {
    wants: "the parser's stack",
    does: 'raw("\\n" + mark + "[".repeat(2e5) + "]".repeat(2e5) + "\\n")',
    ends: "stopped/security",
  },
  { wants: "to settle another run", does: 'done(666, { run: "r2" })', ends: "stopped/security" },
  { wants: "to start anew", does: 'say({ type: "ready" })', ends: "stopped/security" },
  {
    wants: "a value over its size",
    does: 'done("x".repeat(5000))',
    ends: "stopped/output",
    limits: { maxOutputBytes: 1_024 },
  },
  {
    wants: "a call number twice",
    does: "turn({ calls: [call(1, 'srv.slow'), call(1)] })",
    ends: "stopped/security",
  },
  {
    wants: "more calls than allowed",
    does: "for (let n = 1; n < 9; n += 1) turn({ calls: [call(n, 'srv.slow')] })",
    ends: "stopped/tool_calls",
    limits: { maxToolCalls: 5 },
  },
  {
    wants: "more calls at once than allowed",
    does: "for (let n = 1; n < 9; n += 1) turn({ calls: [call(n, 'srv.slow')] })",
    ends: "stopped/security",
    limits: { maxToolCallsInFlight: 5 },
  },
  { wants: "a flood of messages", does: "for (;;) turn({})", ends: "stopped/security" },
  {
    wants: "a flood of output that is no message",
    differs: SLOW_STREAM,
    does: 'for (;;) raw("spam\\n")',
    ends: "stopped/output",
    limits: { timeoutMs: 15_000 },
  },
  {
    wants: "a flood of empty lines",
    differs: SLOW_STREAM,
    does: 'for (;;) raw("\\n".repeat(1e4))',
    ends: /^stopped\/(?:output|security|timeout)$/,
  },
  {
    wants: "a line without end",
    differs: SLOW_STREAM,
    does: 'for (;;) raw("x".repeat(1e5))',
    ends: "stopped/security",
    limits: { maxMessageBytes: 1_024, maxOutputBytes: 1_024 },
  },
  {
    wants: "to take the commands of its own runtime",
    does: 'process.stdin.destroy(); require("node:fs").closeSync(0)',
    ends: /^stopped\/(?:timeout|crashed)$/,
  },
  {
    wants: "to be watched no more",
    does: `
  require("node:worker_threads").Worker.prototype.postMessage = function () { void this.terminate(); };
  process.removeAllListeners();
  console.log("one");
  console.log("two");
  for (;;);`,
    ends: "stopped/timeout",
  },
];

describe("a process that writes to its output past our runtime", () => {
  test.for(cases)("wants $wants", async ({ does, ends, limits, differs = {} }, context) => {
    skipWhere(differs, context);
    await using sandbox = webcontainer({ container });
    const port = recordingPort(({ target }) =>
      target === "srv.slow" ? new Promise(() => {}) : { ok: true, json: '"secret"' },
    );
    const { value, longestTaskMs } = await watchPage(() =>
      run(sandbox, `${TOOLKIT}${does}; await rest();`, port, { timeoutMs: 3_000, ...limits }),
    );
    await context.annotate(`longest task ${Math.round(longestTaskMs)} ms`);
    expect(endOf(value)).toMatch(ends);
    expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
    expect(port.calls.filter(({ target }) => target === "srv.secret")).toEqual([]);
    expect(endOf(await run(sandbox, "return 1"))).toBe("returned");
  });

  test("wants two ends, or to call after the end: nothing arrives", async () => {
    await using sandbox = webcontainer({ container });
    const port = recordingPort();
    const code = `${TOOLKIT} done(1); done(2); for (let n = 1; n < 50; n += 1) turn({ calls: [call(n)] }); await rest();`;
    expect(await run(sandbox, code, port)).toMatchObject({ status: "returned", json: "1" });
    expect(port.calls).toEqual([]);
  });
});

describe("a process that wants to outlive its run", () => {
  const stubborn: readonly (readonly [string, string])[] = [
    ["by a timer", "setInterval(() => {}, 10); return 1"],
    ["by a loop", "setTimeout(() => { while (true); }, 1); return 1"],
    [
      "by catching signals",
      "for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {}); setInterval(() => {}, 10); return 1",
    ],
    ["by ending first", `${TOOLKIT} done(1); while (true);`],
  ];

  test.for(stubborn)("%s: it is gone", async ([, code]) => {
    await using sandbox = webcontainer({ container });
    expect(await run(sandbox, code)).toMatchObject({ status: "returned", json: "1" });
    await expect.poll(() => findProcesses(CLIENT), { timeout: 10_000 }).toEqual([]);
  });

  test("control: a process whose run goes on is seen", async () => {
    await using sandbox = webcontainer({ container });
    const port = recordingPort(() => new Promise(() => {}));
    const controller = new AbortController();
    const running = sandbox
      .open("control", resolveLimits())
      .run(
        { language: "javascript", code: "await tools.srv.wait({})", inputs: "{}" },
        port,
        controller.signal,
      );
    await port.called(1);
    expect(await findProcesses(CLIENT)).toHaveLength(1);
    controller.abort();
    await running;
  });
});
