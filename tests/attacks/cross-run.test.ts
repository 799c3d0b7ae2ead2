// The attacker wants to leave something for the next run, to find something of the one before, or to
// go on after the end.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onEveryEngine } from "./setup/engines.ts";
import { benignValue, endOf, openTarget, type Target } from "./setup/target.ts";

const pairs: readonly (readonly [leaves: string, first: string, second: string, clean: unknown])[] = [
  ["a global", "globalThis.left = 'LEAKED'", "return typeof left", "undefined"],
  [
    "a variable",
    "var left = 'LEAKED'; left2 = 1",
    "return [typeof left, typeof left2]",
    ["undefined", "undefined"],
  ],
  [
    "a method",
    "Array.prototype.map = () => ['LEAKED']; String.prototype.trim = () => 'LEAKED'",
    "return [[1].map((x) => x)[0], ' a '.trim()]",
    [1, "a"],
  ],
  [
    "an accessor",
    "Object.defineProperty(Object.prototype, 'x', { get: () => 'LEAKED' })",
    "return ({}).x ?? null",
    null,
  ],
  [
    "a symbol of the registry",
    "Symbol.for('left').description; globalThis[Symbol.for('left')] = 'LEAKED'",
    "return globalThis[Symbol.for('left')] ?? null",
    null,
  ],
  [
    "a frozen object",
    "Object.freeze(Object.prototype); Object.preventExtensions(globalThis)",
    "globalThis.x = 1; return [Object.isFrozen(Object.prototype), x]",
    [false, 1],
  ],
  [
    "the tools",
    "try { tools.page.echo = () => 'LEAKED' } catch {} try { globalThis.tools = { page: { echo: () => 'LEAKED' } } } catch {}",
    "return await tools.page.echo({ a: 1 })",
    { a: 1 },
  ],
  [
    "the context",
    "try { context.get = () => 'LEAKED' } catch {} globalThis.context = { get: () => 'LEAKED' }",
    "return await context.get('nothing')",
    null,
  ],
  ["the inputs", "inputs.left = 'LEAKED'; globalThis.inputs = 'LEAKED'", "return inputs", {}],
  ["the console", "console.log = () => {}; console.error = () => {}", "console.log('heard'); return 1", 1],
  [
    "a timer",
    "setTimeout(() => { globalThis.left = 'LEAKED'; tools.page.echo({ left: 1 }) }, 5); setTimeout(() => { for (;;); }, 5)",
    "await new Promise((r) => setTimeout(r, 30)); return typeof left",
    "undefined",
  ],
  [
    "a promise's reaction",
    "Promise.resolve().then(function f() { globalThis.left = 'LEAKED'; return Promise.resolve().then(f) }); return 1",
    "return typeof left",
    "undefined",
  ],
  [
    "a call that nobody awaited",
    "tools.page.slow({}); tools.page.echo({ left: 1 }); return 1",
    "return await tools.page.echo({ a: 2 })",
    { a: 2 },
  ],
  ["a pattern's memory", "/(LEAKED)/.exec('LEAKED'); return 1", "return RegExp.$1 ?? ''", ""],
  [
    "a finalizer",
    "new FinalizationRegistry(() => { globalThis.left = 'LEAKED' }).register({}, 1); return 1",
    "for (let i = 0; i < 1e5; i++) ({}); return typeof left",
    "undefined",
  ],
  [
    "full memory",
    "const a = []; for (;;) a.push(new Uint8Array(1e6))",
    "return new Uint8Array(4e7).length",
    4e7,
  ],
  ["a broken engine", "const f = () => f() + 1; f()", "return 1", 1],
  [
    "the class of errors",
    "ToolError.prototype.message = 'LEAKED'; Error.prototype.toString = () => 'LEAKED'",
    "try { await tools.page.fail({ message: 'm' }) } catch (e) { return e.message }",
    "m",
  ],
];

onEveryEngine((engine) => {
  let target: Target;
  let one: Target;
  beforeAll(async () => {
    target = await engine.open();
    // One worker only: every run follows another on it.
    one = await engine.open({ maxWorkers: 1 });
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
  });

  describe("what a run leaves to the next one on the same worker", () => {
    test.for(pairs)("%s: nothing", async ([, first, second, clean]) => {
      const called = one.calls.length;
      await one.run(first, { limits: { timeoutMs: 1_000 } });
      const result = await one.run(second);
      expect(result.status === "returned" ? result.value : result).toEqual(clean);
      expect(JSON.stringify(result)).not.toContain("LEAKED");
      // Nor does a call of the first run come with the second.
      const mine = one.calls
        .slice(called)
        .filter(({ tool, args }) => tool === "echo" && JSON.stringify(args).includes("left"));
      expect(mine.every(({ signal }) => signal.aborted)).toBe(true);
    });

    test("control: through the session's context, which is meant for it, it does", async () => {
      await one.run("await context.set('left', 'LEAKED')");
      expect(await one.run("return await context.get('left')")).toMatchObject({ value: "LEAKED" });
      expect(await one.run("return await context.get('left')", { session: "another" })).toMatchObject({
        value: null,
      });
      expect(await one.run("return await context.keys()", { session: "__proto__" })).toMatchObject({
        value: [],
      });
    });

    test("no chance of one run tells another's", async () => {
      const code =
        "return [Math.random(), Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))].join()]";
      const drawn: unknown[] = [];
      for (let run = 0; run < 8; run += 1) {
        const result = await one.run(code);
        if (result.status === "returned" && Array.isArray(result.value)) drawn.push(...result.value);
      }
      for (const result of await Promise.all(Array.from({ length: 8 }, () => target.run(code)))) {
        if (result.status === "returned" && Array.isArray(result.value)) drawn.push(...result.value);
      }
      expect(drawn).toHaveLength(64);
      expect(new Set(drawn).size).toBe(64);
    });
  });

  describe("after the end", () => {
    test.for([
      [
        "a return",
        "for (let i = 0; i < 5; i++) tools.page.slow({}); await tools.page.echo({}); return 1",
        "returned",
      ],
      [
        "an error",
        "for (let i = 0; i < 5; i++) tools.page.slow({}); await tools.page.echo({}); throw new Error('x')",
        "threw 500",
      ],
      [
        "a timeout",
        "for (let i = 0; i < 5; i++) tools.page.slow({}); await tools.page.echo({}); for (;;);",
        "stopped/timeout 408",
      ],
      [
        "too much memory",
        "for (let i = 0; i < 5; i++) tools.page.slow({}); await tools.page.echo({}); const a = []; for (;;) a.push(new Uint8Array(1e6))",
        "stopped/memory 429",
      ],
      [
        "too many calls",
        "for (let i = 0; i < 5; i++) tools.page.slow({}); await tools.page.echo({}); for (;;) tools.page.slow({})",
        "stopped/tool_calls 429",
      ],
    ] as const)("of %s what was begun is given up, and nothing begins", async ([, code, ends]) => {
      const called = target.calls.length;
      const heard: string[] = [];
      const result = await target.run(code, {
        limits: { timeoutMs: 2_000, maxToolCalls: 50 },
        onEvent: (event) => heard.push(event.type),
      });
      expect(endOf(result)).toBe(ends);
      const [calls, events] = [target.calls.length, heard.length];
      const slow = target.calls.slice(called).filter(({ tool }) => tool === "slow");
      expect(slow.length).toBeGreaterThanOrEqual(5);
      expect(slow.every(({ signal }) => signal.aborted)).toBe(true);
      expect(heard.filter((type) => type === "finished")).toHaveLength(1);
      expect(await benignValue(target)).toBe(42);
      expect(target.calls.length).toBe(calls + 1);
      expect(heard.slice(events).filter((type) => type === "tool_call" || type === "finished")).toEqual([]);
    });

    test("of a cancelled zombie that calls in a timer, no call comes", async () => {
      const abort = new AbortController();
      const result = await target.run(
        "const go = async () => { for (;;) { await tools.page.echo({ zombie: 1 }).catch(() => {}); await new Promise((r) => setTimeout(r, 1)) } }; go(); for (;;) await new Promise((r) => setTimeout(r, 1))",
        {
          signal: abort.signal,
          onEvent: ({ type }) => {
            if (type === "tool_result") abort.abort();
          },
        },
      );
      expect(endOf(result)).toBe("stopped/cancelled 408");
      const zombies = (): number =>
        target.calls.filter(({ args }) => JSON.stringify(args).includes("zombie")).length;
      const before = zombies();
      expect(before).toBeGreaterThan(0);
      await target.run("await new Promise((r) => setTimeout(r, 100)); return 1");
      expect(zombies()).toBe(before);
    });

    test("control: a worker that nobody ends goes on calling", async () => {
      const worker = new Worker(URL.createObjectURL(new Blob(["setInterval(() => postMessage(1), 1)"])));
      let heard = 0;
      await new Promise<void>((resolve) => {
        worker.onmessage = () => {
          heard += 1;
          if (heard === 20) resolve();
        };
      });
      worker.terminate();
      expect(heard).toBeGreaterThanOrEqual(20);
    });

    test("a late answer of a tool is dropped", async () => {
      let late: (value: unknown) => void = () => {};
      await using slow = await openTarget({
        tools: {
          late: {
            inputSchema: { type: "object" },
            call: async ({ second }) => {
              if (second !== true) return new Promise((resolve) => (late = resolve));
              late("LEAKED");
              return "right";
            },
          },
        },
      });
      const first = await slow.run("await tools.page.late({})", { limits: { toolWaitMs: 50 } });
      expect(endOf(first)).toBe("stopped/timeout 408");
      expect(await slow.run("return await tools.page.late({ second: true })")).toMatchObject({
        status: "returned",
        value: "right",
      });
    });

    test("disposing ends what runs, once", async () => {
      const gone = await openTarget();
      const running = gone.run("for (;;) await tools.page.echo({})", { limits: { maxToolCalls: 100_000 } });
      await gone.optimizer[Symbol.asyncDispose]();
      expect(["stopped/cancelled 408", "stopped/crashed 500"]).toContain(endOf(await running));
      await gone.optimizer[Symbol.asyncDispose]();
    });
  });
});
