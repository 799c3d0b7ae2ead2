// The attacker writes a program. He wants it never to end, or to take more memory, output, calls or
// timers than it may. Each attack runs under 500 ms and 64 MiB; the page must not feel it, and the
// next run must work.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOOPS_IN_WASM, RECURSION, STACK_FORMATTERS } from "../suites/differences.ts";
import { reasonHere, skipWhere } from "../suites/skips.ts";
import { onEveryEngine } from "./setup/engines.ts";
import { DEEP, ENDLESS, type LimitAttack, MEMORY, OUTPUT, WALKS } from "./setup/limit-attacks.ts";
import { LOADED_MACHINE_MS } from "./setup/page-watch.ts";
import { benignValue, endOf, measure, type Target } from "./setup/target.ts";

const LIMITS = { timeoutMs: 500, memoryBytes: 64 * 1024 * 1024 };
/** How late an end may be: the promise is 200 ms, a machine that others use too gets much more. */
const MAX_LATE_MS = 2_500;

/** How programs without an end may end: some of them the engine answers at once, with an error. */
const ENDS =
  "stopped/timeout 408|stopped/memory 429|threw 500 (?:Range|Internal|Type)Error|threw 400 TypeError";

/** Those of {@link ENDLESS} that stay in one function of the engine. */
const ONE_FUNCTION: ReadonlySet<string> = new Set([
  "an array's search through 2 ** 32 holes",
  "fill of 2 ** 53",
  "a sort of millions",
  "the parser",
  "a power of BigInts",
]);

const outline = (result: Awaited<ReturnType<Target["run"]>>): string =>
  result.status === "threw" ? `${endOf(result)} ${result.error.name}` : endOf(result);

onEveryEngine((engine) => {
  let target: Target;
  const openHere = (): void => {
    beforeAll(async () => {
      target = await engine.open();
    });
    // With the frame goes its process, and what still runs in it.
    afterAll(() => target[Symbol.asyncDispose]());
  };
  const isNative = engine.name === "native";
  /** No code from text: the frame's policy refuses it where no engine of its own is between. */
  const refused = isNative ? "|threw 500 EvalError" : "";

  async function attack(
    [, code, limits]: LimitAttack,
    ends: RegExp,
    annotate: (text: string) => unknown,
    attacked = target,
  ): Promise<void> {
    const called = attacked.calls.length;
    const { result, ms, longestTaskMs } = await measure(attacked, code, { limits: { ...LIMITS, ...limits } });
    await annotate(
      `${outline(result)} after ${Math.round(ms)} ms, longest task of the page ${Math.round(longestTaskMs)} ms`,
    );
    expect(outline(result)).toMatch(ends);
    expect(ms).toBeLessThan((limits?.timeoutMs ?? LIMITS.timeoutMs) + MAX_LATE_MS);
    expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
    expect(attacked.calls.slice(called).length).toBeLessThanOrEqual(limits?.maxToolCalls ?? 1_000);
    expect(await benignValue(attacked)).toBe(42);
  }

  describe("a program that wants never to end", () => {
    openHere();

    test.for(ENDLESS)("%s", { timeout: 20_000 }, async (wanted, { annotate, skip }) => {
      if (isNative && wanted[0] === "the stack's formatter") skipWhere(STACK_FORMATTERS, { skip });
      if (!isNative && ONE_FUNCTION.has(wanted[0])) skipWhere(LOOPS_IN_WASM, { skip });
      // Holes are skipped at once by the browser's engine.
      await attack(
        wanted,
        new RegExp(`^(?:${ENDS}${refused}${isNative && wanted[0].includes("holes") ? "|returned" : ""})$`),
        annotate,
      );
    });

    test.for(ENDLESS.slice(0, 5))(
      "control: without the page's clock %s goes on",
      { timeout: 20_000 },
      async ([, code]) => {
        // The same program as plain JavaScript in a worker that nobody ends.
        const source = `(async () => { ${code} })().then(() => postMessage("ended"))`;
        const worker = new Worker(
          URL.createObjectURL(new Blob([source.replace(/tools\.page\.echo\(\{\}\)/g, "0")])),
        );
        const ended = await Promise.race([
          new Promise<string>((resolve) => worker.addEventListener("message", () => resolve("ended"))),
          new Promise<string>((resolve) => setTimeout(() => resolve("goes on"), LIMITS.timeoutMs + 1_000)),
        ]);
        worker.terminate();
        expect(ended).toBe("goes on");
      },
    );
  });

  describe("a program that walks what is not there", () => {
    test.for(WALKS)("%s", { timeout: 20_000 }, async (wanted, { annotate, skip }) => {
      if (!isNative) skipWhere(LOOPS_IN_WASM, { skip });
      // A frame of its own for each: Chromium ends no thread inside these functions, nor when it is told to.
      await using own = await engine.open();
      await attack(wanted, new RegExp(`^(?:${ENDS})$`), annotate, own);
    });
  });

  describe("a program that wants all memory", () => {
    openHere();

    test.for(MEMORY)("%s", { timeout: 20_000 }, async (wanted, { annotate }) => {
      // The browser's engine has a cap that is not ours: what it can hold for the moment may return.
      await attack(
        wanted,
        new RegExp(
          `^(?:${ENDS}|stopped/(?:tool_calls|output) 429|threw 500 SyntaxError${refused}${isNative ? "|returned" : ""})$`,
        ),
        annotate,
      );
    });

    test("gets a little more than its limit, and then no more", async () => {
      const filled = (mebibytes: number) =>
        `const a = []; for (let i = 0; i < ${mebibytes}; i++) a.push(new Uint8Array(1048576).fill(1)); return a.length`;
      expect(await target.run(filled(48), { limits: { memoryBytes: 64 * 1024 * 1024 } })).toMatchObject({
        status: "returned",
        value: 48,
      });
      // Buffers that may not be collected yet are forgiven in the browser's own engine: 256 MiB of them.
      const tooMuch = isNative ? 400 : 100;
      // Control: what is refused under 64 MiB is there under 256.
      expect(endOf(await target.run(filled(tooMuch), { limits: { memoryBytes: 64 * 1024 * 1024 } }))).toBe(
        "stopped/memory 429",
      );
      expect(await target.run(filled(tooMuch), { limits: { memoryBytes: 256 * 1024 * 1024 } })).toMatchObject(
        {
          status: "returned",
          value: tooMuch,
        },
      );
    });

    test("catches what memory refused and still ends", async () => {
      const { result } = await measure(
        target,
        "const a = []; for (;;) { try { for (;;) a.push(new Uint8Array(1e6)) } catch { } }",
        { limits: LIMITS },
      );
      expect(endOf(result)).toMatch(/^stopped\/(?:memory 429|timeout 408)$/);
      expect(await benignValue(target)).toBe(42);
    });
  });

  describe("a program that wants more than its share", () => {
    openHere();

    test.for(OUTPUT)("%s", { timeout: 20_000 }, async ([wants, code, limits, ends], { annotate }) => {
      const [more, expected] = [limits, ends];
      // These end by their size: time is not what is tried here.
      const timeoutMs = more?.timeoutMs ?? 5_000;
      const called = target.calls.length;
      const { result, ms, longestTaskMs } = await measure(target, code, {
        limits: { ...LIMITS, ...more, timeoutMs },
      });
      await annotate(
        `${outline(result).slice(0, 60)} after ${Math.round(ms)} ms, longest task of the page ${Math.round(longestTaskMs)} ms`,
      );
      expect(outline(result), wants).toMatch(expected);
      expect(ms).toBeLessThan(timeoutMs + MAX_LATE_MS);
      expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
      expect(target.calls.slice(called).every(({ signal }) => signal.aborted)).toBe(true);
      // What comes out is bounded too, whatever the status.
      expect(JSON.stringify(result).length).toBeLessThan(8 * 1024 * 1024);
      expect(await benignValue(target)).toBe(42);
    });
  });

  describe("a program that wants the engine's stack", () => {
    openHere();

    test.for(DEEP)("%s", { timeout: 20_000 }, async (wanted, { annotate }) => {
      const overflows = reasonHere(RECURSION);
      if (overflows !== undefined) await annotate(overflows);
      const crashed = overflows === undefined ? "" : "|crashed 500";
      await attack(
        wanted,
        new RegExp(
          `^(?:threw \\d+ (?:Range|Internal|Syntax|Type)?Error|returned|stopped/(?:memory 429|timeout 408${crashed})${refused})$`,
        ),
        annotate,
      );
    });

    test.for([
      ["in the text itself", `${"[".repeat(1e5)}${"]".repeat(1e5)}`],
      ["in its types", `let a: ${"Array<".repeat(5e4)}0${">".repeat(5e4)}`],
      ["in operators", `return ${"-".repeat(1)}${"(".repeat(1e5)}1${")".repeat(1e5)}`],
    ])("%s", { timeout: 20_000 }, async ([, code], { annotate }) => {
      const result = await target.optimizer.run({ code: code ?? "" }, { limits: LIMITS });
      await annotate(outline(result));
      expect(outline(result)).toMatch(
        /^(?:threw \d+ (?:Range|Syntax|Internal)Error|stopped\/(?:memory 429|timeout 408|crashed 500))$/,
      );
      expect(await benignValue(target)).toBe(42);
    });
  });
});
