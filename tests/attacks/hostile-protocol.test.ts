// The attacker owns the worker and speaks the protocol, or something like it. He wants to settle runs
// that are not his, to call past the limits, to break the page's code, or to keep its thread busy.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import type { Limits } from "../../src/sandbox/limits.ts";
import type { Differences } from "../suites/differences.ts";
import { skipWhere } from "../suites/skips.ts";
import { type HostileTarget, hostileSource, openHostileTarget } from "./setup/hostile-worker.ts";
import { LOADED_MACHINE_MS } from "./setup/page-watch.ts";
import { benignValue, endOf, measure } from "./setup/target.ts";

let target: HostileTarget;
beforeAll(async () => {
  target = await openHostileTarget();
});
afterAll(() => target[Symbol.asyncDispose]());

interface Case {
  readonly wants: string;
  readonly onRun: string;
  readonly ends: string | RegExp;
  readonly limits?: Partial<Limits>;
  readonly differs?: Differences;
}

const SECURITY = "stopped/security 403";
const small = { maxMessageBytes: 1_024, maxOutputBytes: 1_024 };

const cases: readonly Case[] = [
  // What is no message.
  { wants: "an object graph on the page", onRun: 'post({ type: "done", run, outcome: {} })', ends: SECURITY },
  { wants: "null to be read", onRun: "post(null)", ends: SECURITY },
  { wants: "a cycle to be walked", onRun: "const a = {}; a.a = a; post(a)", ends: SECURITY },
  {
    wants: "a sparse array to be copied",
    onRun: "const a = []; a.length = 2 ** 32 - 1; post(a)",
    ends: SECURITY,
    differs: { webkit: "WebKit walks all its holes before it posts it: the run's time ends it." },
  },
  { wants: "bytes to be decoded", onRun: "post(new Uint8Array(1e6))", ends: SECURITY },
  {
    wants: "a port to the page",
    onRun: "const { port1 } = new MessageChannel(); self.postMessage(port1, [port1])",
    ends: SECURITY,
  },
  {
    wants: "a notice of the frame's own kind",
    onRun: 'post({ ended: "crash", message: "<b>" })',
    ends: SECURITY,
  },
  { wants: "the parser to throw", onRun: 'post("{")', ends: SECURITY },
  { wants: "the parser's stack", onRun: 'post("[".repeat(2e5) + "]".repeat(2e5))', ends: SECURITY },
  {
    wants: "a walker's stack",
    onRun: `post('{"type":'.repeat(3e5) + "1" + "}".repeat(3e5))`,
    ends: SECURITY,
  },
  { wants: "an unknown type to be handled", onRun: 'say({ type: "constructor", run })', ends: SECURITY },
  {
    wants: "a type from the prototype",
    onRun: `post('{"__proto__":{"type":"done","run":"r1"}}')`,
    ends: SECURITY,
  },
  {
    wants: "a message over its size",
    onRun:
      'post(JSON.stringify({ type: "turn", run, idle: false, calls: [], logs: [], x: "x".repeat(1e5) }))',
    ends: SECURITY,
    limits: small,
  },
  { wants: "16 MB on the page", onRun: 'post("x".repeat(16e6))', ends: SECURITY },
  // What is another's.
  {
    wants: "to settle another run",
    onRun:
      'say({ type: "done", run: "r1", outcome: { status: "returned", json: "666" }, logs: [], peakMemoryBytes: 0 })',
    ends: SECURITY,
  },
  {
    wants: "to call in another run's name",
    onRun: 'say({ type: "turn", run: "r0", idle: false, calls: [call(1, "page.echo")], logs: [] })',
    ends: SECURITY,
  },
  {
    wants: "a run without a name",
    onRun: 'say({ type: "turn", idle: false, calls: [], logs: [] })',
    ends: SECURITY,
  },
  // What comes at the wrong time.
  { wants: "to start anew", onRun: 'say({ type: "ready" })', ends: SECURITY },
  { wants: "to be called unfit late", onRun: 'say({ type: "unfit", message: "x" })', ends: SECURITY },
  { wants: "two ends", onRun: "done(1); done(2); done(3)", ends: "returned" },
  {
    wants: "messages after the end",
    onRun: 'done(1); for (let i = 0; i < 500; i++) turn({ calls: [call(i, "page.echo")] })',
    ends: "returned",
  },
  // Calls.
  {
    wants: "a call number twice",
    onRun: 'turn({ calls: [call(1, "page.slow"), call(1, "page.slow")] })',
    ends: SECURITY,
  },
  {
    wants: "a falling call number",
    onRun: 'turn({ calls: [call(5, "page.slow")] }); turn({ calls: [call(4, "page.slow")] })',
    ends: SECURITY,
  },
  { wants: "a negative call number", onRun: 'turn({ calls: [call(-1, "page.echo")] })', ends: SECURITY },
  { wants: "half a call number", onRun: 'turn({ calls: [call(1.5, "page.echo")] })', ends: SECURITY },
  {
    wants: "a call number beyond counting",
    onRun: 'turn({ calls: [call(2 ** 53, "page.echo")] })',
    ends: SECURITY,
  },
  {
    wants: "a call number from the prototype",
    onRun: 'turn({ calls: [call("__proto__", "page.echo")] })',
    ends: SECURITY,
  },
  {
    wants: "an unknown operation",
    onRun: 'turn({ calls: [{ ...call(1, "page.echo"), operation: "constructor" }] })',
    ends: SECURITY,
  },
  {
    wants: "arguments that are no text",
    onRun: 'turn({ calls: [{ ...call(1, "page.echo"), args: { v: 1 } }] })',
    ends: SECURITY,
  },
  {
    wants: "arguments over their size",
    onRun: 'turn({ calls: [call(1, "page.echo", { v: "x".repeat(2000) })] })',
    ends: SECURITY,
    limits: small,
  },
  {
    wants: "a search for the nearest of a megabyte",
    onRun: 'turn({ calls: [call(1, "page." + "ab".repeat(5e5))] })',
    ends: SECURITY,
  },
  {
    wants: "more calls than allowed",
    onRun: 'for (let i = 1; i < 9; i++) turn({ calls: [call(i, "page.slow")] })',
    ends: "stopped/tool_calls 429",
    limits: { maxToolCalls: 5 },
  },
  {
    wants: "more calls at once than allowed",
    onRun: 'for (let i = 1; i < 9; i++) turn({ calls: [call(i, "page.slow")] })',
    ends: SECURITY,
    limits: { maxToolCallsInFlight: 5 },
  },
  {
    wants: "100,000 calls in one message",
    onRun: 'turn({ calls: Array.from({ length: 1e5 }, (_, i) => call(i, "page.echo")) })',
    ends: SECURITY,
  },
  // Outcomes.
  { wants: "an unknown outcome", onRun: 'done(1, { outcome: { status: "approved" } })', ends: SECURITY },
  {
    wants: "an unknown stop reason",
    onRun: 'done(1, { outcome: { status: "stopped", reason: "__proto__", message: "" } })',
    ends: SECURITY,
  },
  {
    wants: "a value that is no JSON",
    onRun: 'done(1, { outcome: { status: "returned", json: "{" } })',
    ends: SECURITY,
  },
  {
    wants: "a value that no code can walk",
    onRun: 'done(1, { outcome: { status: "returned", json: "[".repeat(1e5) + "]".repeat(1e5) } })',
    ends: SECURITY,
  },
  {
    wants: "a value over its size",
    onRun: 'done("x".repeat(2000))',
    ends: "stopped/output 429",
    limits: small,
  },
  {
    wants: "an error over its size",
    onRun:
      'done(1, { outcome: { status: "threw", error: { name: "x".repeat(3e6), message: "", kind: "exception" } } })',
    ends: "stopped/output 429",
  },
  {
    wants: "an error with a line from the prototype",
    onRun:
      'done(1, { outcome: { status: "threw", error: { name: "E", message: "", kind: "__proto__", line: "constructor" } } })',
    ends: SECURITY,
  },
  { wants: "memory below nothing", onRun: "done(1, { peakMemoryBytes: -1 })", ends: SECURITY },
  // Logs.
  {
    wants: "a log level of his own",
    onRun: 'turn({ logs: [{ level: "constructor", text: "" }] })',
    ends: SECURITY,
  },
  {
    wants: "a log that is no text",
    onRun: 'turn({ logs: [{ level: "log", text: { length: 1 } }] })',
    ends: SECURITY,
  },
  {
    wants: "logs over their size",
    onRun: 'for (let i = 0; i < 9; i++) turn({ logs: [{ level: "log", text: "x".repeat(500) }] })',
    ends: "stopped/output 429",
    limits: small,
  },
  {
    wants: "100,000 empty logs in one message",
    onRun: 'turn({ logs: Array.from({ length: 1e5 }, () => ({ level: "log", text: "" })) }); done(1)',
    ends: SECURITY,
  },
  // Floods.
  { wants: "a flood of turns", onRun: "for (let i = 0; i < 1e5; i++) turn({})", ends: SECURITY },
  {
    wants: "a flood of large turns",
    onRun: 'const x = "x".repeat(2e5); for (let i = 0; i < 70; i++) turn({ x })',
    ends: /^stopped\/(?:security 403|timeout 408)$/,
  },
  {
    wants: "a flood as fast as the page allows",
    onRun: "for (;;) { for (let i = 0; i < 8; i++) turn({}); await new Promise((r) => setTimeout(r)); }",
    ends: /^stopped\/(?:security 403|timeout 408)$/,
  },
  // Silence.
  { wants: "never to end", onRun: "", ends: "stopped/timeout 408" },
  { wants: "never to end, and to spin", onRun: "for (;;);", ends: "stopped/timeout 408" },
  { wants: "to vanish", onRun: "self.close()", ends: "stopped/timeout 408" },
  { wants: "to crash", onRun: 'setTimeout(() => { throw new Error("boom"); })', ends: "stopped/crashed 500" },
];

describe("a worker that speaks the protocol against its rules", () => {
  test.for(cases)("wants $wants", async ({ onRun, ends, limits, differs = {} }, context) => {
    skipWhere(differs, context);
    target.attack(hostileSource(onRun));
    const called = target.calls.length;
    // Megabytes are on their way for a while on a slow machine: what breaks the rules ends before its time.
    const timeoutMs = ends === SECURITY ? 2_500 : 500;
    const { result, ms, longestTaskMs } = await measure(target, "0", {
      limits: { timeoutMs, ...limits },
    });
    await context.annotate(`${Math.round(ms)} ms, longest task ${Math.round(longestTaskMs)} ms`);
    expect(endOf(result)).toMatch(ends);
    if (result.status === "returned") expect(result.value).toBe(1);
    expect(ms).toBeLessThan(3_000);
    expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
    expect(target.calls.slice(called).filter(({ tool }) => tool === "echo")).toEqual([]);
    // Whatever it had begun is given up.
    expect(target.calls.slice(called).every(({ signal }) => signal.aborted)).toBe(true);
    expect(await benignValue(target)).toBe(42);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test("wants tools that nobody offers: no name leads anywhere", async () => {
    const names = [
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "page",
      "page.",
      ".echo",
      "page.constructor",
      "page.__proto__",
      "page.toString",
      "page.call",
      "page.echo.call",
      "page.echo\u0000",
      " page.echo",
      "PAGE.echo",
      "search",
      "describe",
      "then",
      "",
      "..",
      "page/echo",
      "tools.tools.page.echo",
    ];
    target.attack(
      hostileSource(
        `turn({ calls: ${JSON.stringify(names)}.map((name, i) => call(i, name)) }); await next(${names.length}); done(replies.map(({ ok, error }) => [ok, error?.kind]));`,
      ),
    );
    const called = target.calls.length;
    const result = await target.run("0", { limits: { maxToolCallsInFlight: 64 } });
    expect(result).toMatchObject({ status: "returned", value: names.map(() => [false, "unknown_tool"]) });
    expect(target.calls.length).toBe(called);
  });

  test("wants a way past the keeper: there is no second one to post with", async () => {
    target.attack(
      hostileSource(
        'let ways = 0; for (let at = self; at !== null; at = Object.getPrototypeOf(at)) if (Object.hasOwn(at, "postMessage")) ways += 1; done(ways)',
      ),
    );
    expect(await target.run("0")).toMatchObject({ status: "returned", value: 1 });
  });

  test("control: a table of tools that is a plain object does lead somewhere", () => {
    const naive: Record<string, unknown> = { "page.echo": () => 1 };
    expect(
      ["__proto__", "constructor", "toString", "hasOwnProperty"].filter((name) => naive[name] !== undefined),
    ).toHaveLength(4);
  });

  test("wants the prototypes of the page: keys stay keys", async () => {
    const evil =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":{"__proto__":{"polluted":1}}}';
    target.attack(
      hostileSource(
        `turn({ calls: [{ ...call(1, "page.echo"), args: ${JSON.stringify(evil)} }], __proto__: 1 }); await next(1); say({ type: "done", run, outcome: { status: "returned", json: replies[0].json }, logs: [], peakMemoryBytes: 0, ["__proto__"]: { polluted: 1 } });`,
      ),
    );
    const result = await target.run("0");
    expect(result.status === "returned" && JSON.stringify(result.value)).toBe(evil);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    // Control: the usual deep merge is taken in by the same text.
    const merge = (into: Record<string, unknown>, from: Record<string, unknown>): void => {
      for (const [key, value] of Object.entries(from)) {
        if (typeof value === "object" && value !== null && typeof into[key] === "object")
          merge(into[key] as Record<string, unknown>, value as Record<string, unknown>);
        else into[key] = value;
      }
    };
    try {
      merge({}, JSON.parse(evil) as Record<string, unknown>);
      expect(Reflect.get({}, "polluted")).toBe(1);
    } finally {
      Reflect.deleteProperty(Object.prototype, "polluted");
    }
  });

  test("wants to go on after it was cancelled: nothing of it arrives", async () => {
    target.attack(
      hostileSource(
        'let id = 0; turn({ calls: [call(++id, "page.slow")] }); for (;;) { turn({ calls: [call(++id, "page.echo")] }); await next(id - 1); }',
      ),
    );
    const abort = new AbortController();
    const heard: string[] = [];
    const result = await target.run("0", {
      signal: abort.signal,
      onEvent: (event) => {
        heard.push(event.type);
        if (event.type === "tool_result") abort.abort();
      },
    });
    expect(endOf(result)).toBe("stopped/cancelled 408");
    const before = { calls: target.calls.length, heard: heard.length };
    expect(await benignValue(target)).toBe(42);
    expect(heard.length).toBe(before.heard);
    expect(target.calls.length).toBe(before.calls + 1);
  });

  test("wants a worker that never gets ready: the run ends and the next one works", async () => {
    const frame = new SandboxFrame({ bootTimeoutMs: 4_000 });
    await using slow = await openHostileTarget(frame);
    const boots = [
      "",
      'say({ type: "unfit", message: "no" });',
      'post("ready");',
      "post({ type: 'ready' });",
      "for (;;);",
      "throw new Error();",
      "for (let i = 0; i < 1e5; i++) post('x');",
    ];
    for (const onBoot of boots) {
      slow.attack(hostileSource("done(1)", onBoot));
      await expect(slow.run("0")).rejects.toMatchObject({ code: 500, kind: "sandbox_unavailable" });
    }
    slow.attack(hostileSource("done(1)", 'say({ type: "ready" }); say({ type: "ready" });'));
    expect(
      endOf(await slow.run("0").catch(() => ({ status: "stopped", reason: "crashed", code: 500 }) as never)),
    ).not.toBe("returned");
    expect(await benignValue(slow)).toBe(42);
  });
});
