import { expect } from "vitest";
import { type KeptGlobals, sealGlobals } from "../../../src/protocol/kept-globals.ts";
import { type Limits, resolveLimits } from "../../../src/sandbox/limits.ts";
import type { RunOutcome } from "../../../src/sandbox/sandbox.ts";
import { recordingPort } from "../recording-port.ts";
import { javascript, python, type SandboxCase, type SandboxPlace, typescript } from "../sandbox-case.ts";

interface Chain {
  /** Runs a program with what the one before left. */
  run(code: string, options?: ChainOptions): Promise<RunOutcome>;
  value(code: string, options?: ChainOptions): Promise<unknown>;
  readonly globals: KeptGlobals | undefined;
  readonly warnings: readonly string[];
}

interface ChainOptions {
  readonly limits?: Partial<Limits>;
  readonly globals?: KeptGlobals | undefined;
}

const keeping = (one: SandboxCase): SandboxCase => ({ ...one, keepsGlobals: true });

/** The programs of one session, each over the globals of the one before. */
function chain(
  { sandbox }: SandboxPlace,
  language: "javascript" | "typescript" | "python",
  session = "suite",
): Chain {
  let globals: KeptGlobals | undefined;
  const warnings: string[] = [];
  const run: Chain["run"] = async (code, options = {}) => {
    const port = recordingPort();
    const before = "globals" in options ? options.globals : globals;
    await using place = sandbox.open(session, resolveLimits(options.limits));
    const outcome = await place.run({ language, code, inputs: "{}" }, port, new AbortController().signal, {
      globals: before === undefined ? {} : { before },
    });
    globals = outcome.globals ?? globals;
    warnings.push(...port.logs.filter(({ level }) => level === "warn").map(({ text }) => text));
    return outcome;
  };
  return {
    run,
    async value(code, options) {
      const outcome = await run(code, options);
      if (outcome.status !== "returned")
        expect.fail(`It did not return: ${JSON.stringify({ ...outcome, globals: undefined })}`);
      return JSON.parse(outcome.json);
    },
    get globals() {
      return globals;
    },
    warnings,
  };
}

export const KEPT_GLOBALS_CASES: readonly SandboxCase[] = [
  keeping(
    javascript("keeps what a program puts on its globals for the next one", async (place) => {
      const { run, value, warnings } = chain(place, "javascript");
      await run(`
        globalThis.list = [1];
        globalThis.add = (n) => { list.push(n); return list.length };
        class Point { constructor(x) { this.x = x } double() { return new Point(this.x * 2) } }
        globalThis.point = new Point(4);
        globalThis.when = new Date(5);
        globalThis.url = new URL("https://example.com/?q=1");
        let local = 1;`);
      expect(
        await value("return [add(2), add(3), point.double().x, when.getTime(), url.search, typeof local]"),
      ).toEqual([2, 3, 8, 5, "?q=1", "undefined"]);
      expect(await value("return list")).toEqual([1, 2, 3]);
      expect(warnings).toEqual([]);
    }),
  ),
  keeping(
    javascript("gives each program its own inputs, calls, timers and chance all the same", async (place) => {
      const { run, value } = chain(place, "javascript");
      const code = `
        globalThis.draws ??= [];
        draws.push(Math.random());
        globalThis.fired ??= 0;
        setTimeout(() => { fired += 100 }, 20_000);
        tools.srv.never({});
        const answer = await tools.srv.echo({ n: draws.length });
        return [answer, new Set(draws).size]`;
      await run(code);
      await run(code);
      expect(await value(code)).toEqual([{ n: 3 }, 3]);
      const waits = "await new Promise((done) => setTimeout(done, 30)); return fired";
      expect(await value(waits)).toBe(0);
    }),
  ),
  keeping(
    typescript("shares them with programs in TypeScript", async (place) => {
      await chain(place, "javascript").run("globalThis.n = 1");
      const { run, value } = chain(place, "typescript");
      await run("Object.assign(globalThis, { n: 41 as number })");
      expect(await value("declare const n: number; return n + 1")).toBe(42);
    }),
  ),
  keeping(
    javascript("keeps what a program left that threw, and not of one that was stopped", async (place) => {
      const { run, value } = chain(place, "javascript");
      await run("globalThis.n = 1; throw new Error('after that')");
      expect(await value("return n")).toBe(1);
      const stopped = await run("globalThis.n = 2; for (;;);", { limits: { timeoutMs: 50 } });
      expect(stopped).toMatchObject({ status: "stopped", reason: "timeout" });
      expect(stopped.globals).toBeUndefined();
      expect(await value("return n")).toBe(1);
    }),
  ),
  keeping(
    javascript("says when they are too large to be kept, and keeps those from before", async (place) => {
      const { run, value, warnings } = chain(place, "javascript");
      await run("globalThis.n = 1");
      const limits = { maxMessageBytes: 64 * 1024 };
      const noise =
        "globalThis.noise = crypto.getRandomValues(new Uint8Array(60000)); globalThis.more = crypto.getRandomValues(new Uint8Array(60000)); n = 2; return 5";
      expect(await value(noise, { limits })).toBe(5);
      expect(warnings).toEqual([expect.stringContaining("too large")]);
      expect(await value("return [n, typeof noise]")).toEqual([1, "undefined"]);
    }),
  ),
  keeping(
    javascript(
      "begins without them where they are another session's, changed, or of another version",
      async (place) => {
        const mine = chain(place, "javascript");
        await mine.run("globalThis.secret = 1");
        const { globals } = mine;
        if (globals === undefined) expect.fail("Nothing was kept.");
        const code = "return typeof secret";
        const other = chain(place, "javascript", "another");
        expect(await other.value(code, { globals })).toBe("undefined");
        const snapshot = globals.snapshot.slice();
        snapshot[snapshot.length >> 1] = (snapshot[snapshot.length >> 1] ?? 0) ^ 1;
        expect(await mine.value(code, { globals: { ...globals, snapshot } })).toBe("undefined");
        expect(await mine.value(code, { globals: { ...globals, engine: "0".repeat(64) } })).toBe("undefined");
        expect([...other.warnings, ...mine.warnings]).toEqual([
          expect.stringContaining("not those that this session stored"),
          expect.stringContaining("not those that this session stored"),
          expect.stringContaining("another version"),
        ]);
        // Control: as they were they are used.
        expect(await mine.value(code, { globals })).toBe("number");
      },
    ),
  ),
  keeping(
    javascript("lets a program go on in a realm that the one before has changed", async (place) => {
      const { run, value } = chain(place, "javascript");
      await run(`
        Object.defineProperty = undefined;
        Object.prototype.polluted = 1;
        JSON.parse = undefined;`);
      expect(await value("return [inputs.polluted, await tools.srv.echo({ n: 2 }), ({}).polluted]")).toEqual([
        1,
        { n: 2 },
        1,
      ]);
    }),
  ),
  keeping(
    javascript("leaves fresh runs and other sessions alone", async (place) => {
      const { run } = chain(place, "javascript");
      await run("globalThis.left = 1; Object.prototype.polluted = 2; JSON.stringify = () => '666'");
      const code = "return [typeof left, ({}).polluted ?? null]";
      const clean = ["undefined", null];
      expect(await place.value(code)).toEqual(clean);
      expect(await chain(place, "javascript").value(code)).toEqual(clean);
      expect(await chain(place, "javascript", "another").value(code)).toEqual(clean);
    }),
  ),
  keeping(
    python("keeps the names of a Python program that pickle, with what they share", async (place) => {
      const { run, value, warnings } = chain(place, "python");
      await run(`
import math, collections.abc
from datetime import date
rows = [{"n": 1}]
same = rows
when = date(2026, 1, 2)
root = math.sqrt
total = sum(row["n"] for row in rows)`);
      const code =
        "rows.append(2)\nreturn [same, when.isoformat(), root(16), math.floor(2.5), total, len(dir(collections.abc)) > 3]";
      expect(await value(code)).toEqual([[{ n: 1 }, 2], "2026-01-02", 4, 2, 1, true]);
      expect(await value("rows")).toEqual([{ n: 1 }, 2]);
      expect(warnings).toEqual([]);
    }),
  ),
  keeping(
    python(
      "names the globals of a Python program that it can't keep, and keeps the others",
      async (place) => {
        const { run, value, warnings } = chain(place, "python");
        await run(`
class Point:
    pass
def double(n):
    return 2 * n
point, points, lines = Point(), [Point()], (line for line in "ab")
kept = {"n": 1}
if False:
    pass`);
        expect(warnings).toEqual([
          "These globals are not kept, because they don't pickle: Point, double, lines, point, points",
        ]);
        expect(
          await value("return [kept, [name for name in ('Point', 'double', 'point') if name in globals()]]"),
        ).toEqual([{ n: 1 }, []]);
      },
    ),
  ),
  keeping(
    python(
      "gives each Python program its own inputs and tools, and leaves fresh runs alone",
      async (place) => {
        const { run, value } = chain(place, "python");
        await run("tools = 5\ninputs['left'] = 1\ncount = 1");
        expect(await value("return [await tools.srv.echo(n=count), inputs]")).toEqual([{ n: 1 }, {}]);
        expect(await place.value("'count' in globals()")).toBe(false);
        expect(await chain(place, "python", "another").value("'count' in globals()")).toBe(false);
      },
    ),
  ),
  keeping(
    python("keeps what a Python program left that threw, and not of one that was stopped", async (place) => {
      const { run, value } = chain(place, "python");
      await run("n = 1\nraise ValueError('after that')");
      expect(await value("n")).toBe(1);
      const stopped = await run("n = 2\nwhile True: pass", { limits: { timeoutMs: 300 } });
      expect(stopped).toMatchObject({ status: "stopped", reason: "timeout" });
      expect(await value("n")).toBe(1);
    }),
  ),
  keeping(
    python("says when the globals of a Python program are too large, or can't be read", async (place) => {
      const { run, value, warnings, globals: none } = chain(place, "python");
      expect(none).toBeUndefined();
      await run("n = 1");
      expect(await value("n = 2\nbig = bytes(100000)\n5", { limits: { maxMessageBytes: 65536 } })).toBe(5);
      expect(warnings).toEqual([expect.stringContaining("too large")]);
      expect(await value("return [n, 'big' in globals()]")).toEqual([1, false]);
      const other = chain(place, "python");
      await other.run("n = 1");
      const { globals } = other;
      if (globals === undefined) expect.fail("Nothing was kept.");
      const noise = await sealGlobals({ ...globals, snapshot: Uint8Array.of(1, 2, 3) });
      expect(await other.value("'n' in globals()", { globals: noise })).toBe(false);
      expect(other.warnings).toEqual([expect.stringContaining("begins without")]);
    }),
  ),
];
