import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

const MIB = 1024 * 1024;

export const LIMIT_CASES: readonly SandboxCase[] = [
  javascript("stops a loop at its time, and runs the next program", async ({ run, value }) => {
    expect(await run("while (true);", { limits: { timeoutMs: 200 } })).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program ran longer than 200 ms.",
    });
    expect(await value("return 1")).toBe(1);
  }),
  javascript("stops a loop that no catch and no finally ends", async ({ run }) => {
    const code =
      "while (true) { try { while (true) { try { throw 1 } catch {} } } catch {} finally { continue } }";
    expect(await run(code, { limits: { timeoutMs: 200 } })).toMatchObject({
      status: "stopped",
      reason: "timeout",
    });
  }),
  javascript("stops endless promise jobs, regular expressions and sorts", async ({ run }) => {
    for (const code of [
      "const spin = () => Promise.resolve().then(spin); await spin()",
      "return /(a+)+$/.test('a'.repeat(40) + 'b')",
      "return Array.from({ length: 1e5 }, (_, n) => n).sort(() => { while (true); })",
    ]) {
      expect(await run(code, { limits: { timeoutMs: 200 } })).toMatchObject({
        status: "stopped",
        reason: "timeout",
      });
    }
  }),
  javascript("stops a program that sleeps past its time", async ({ run }) => {
    const code = "await new Promise((done) => setTimeout(done, 20000)); return 1";
    expect(await run(code, { limits: { timeoutMs: 200 } })).toMatchObject({
      status: "stopped",
      reason: "timeout",
    });
  }),
  javascript("does not count the time that it waits for tools", async ({ value }) => {
    const port = recordingPort(async ({ args }) => {
      await new Promise((resolve) => setTimeout(resolve, JSON.parse(args).ms));
      return { ok: true, json: "1" };
    });
    const limits = { timeoutMs: 800, toolWaitMs: 20_000 };
    const code = "for (const ms of [900, 900]) await tools.srv.wait({ ms }); return 'in turn'";
    expect(await value(code, { port, limits })).toBe("in turn");
    const together =
      "await Promise.all([50, 100, 2000].map((ms) => tools.srv.wait({ ms }))); return 'together'";
    expect(await value(together, { port, limits })).toBe("together");
  }),
  javascript("stops a program that waits for tools past its patience", async ({ run }) => {
    const port = recordingPort(() => new Promise(() => {}));
    expect(
      await run("return await tools.srv.never({})", { port, limits: { toolWaitMs: 200 } }),
    ).toMatchObject({
      status: "stopped",
      reason: "timeout",
      message: "The program waited longer than 200 ms for tools.",
    });
  }),
  javascript("ends a program that waits for nothing", async ({ error }) => {
    const code = "await new Promise(() => {}); return 1";
    expect(await error(code)).toMatchObject({
      name: "Error",
      kind: "never_settles",
      hint: expect.stringContaining("await"),
    });
  }),
  javascript("stops a program at its memory, and runs the next one", async ({ run, value }) => {
    for (const code of [
      "const all = []; while (true) all.push(new Array(1000).fill(0))",
      "const all = []; while (true) all.push(new Uint8Array(1048576).fill(1))",
      "let text = 'x'; while (true) text += text",
    ]) {
      // Not for long: a sandbox that has no cap fills the machine's memory meanwhile.
      const limits = { memoryBytes: 16 * MIB, timeoutMs: 3_000 };
      expect(await run(code, { limits })).toMatchObject({ status: "stopped", reason: "memory" });
    }
    expect(await value("return 1", { limits: { memoryBytes: 16 * MIB } })).toBe(1);
  }),
  javascript("leaves a program the memory that it may use", async ({ value }) => {
    const code =
      "const all = []; for (let n = 0; n < 40; n += 1) all.push(new Uint8Array(1048576).fill(n)); return all.length";
    expect(await value(code, { limits: { memoryBytes: 64 * MIB } })).toBe(40);
  }),
  javascript("stops a value that is larger than the output may be", async ({ run, value }) => {
    expect(await value("return 'x'.repeat(998)", { limits: { maxOutputBytes: 1000 } })).toHaveLength(998);
    expect(await run("return 'x'.repeat(999)", { limits: { maxOutputBytes: 1000 } })).toMatchObject({
      status: "stopped",
      reason: "output",
    });
  }),
  javascript("counts output in bytes, logs and value together", async ({ run, value }) => {
    const code = "console.log('é'.repeat(inputs.n)); return 'x'.repeat(498)";
    const limits = { maxOutputBytes: 1000 };
    expect(await value(code, { inputs: { n: 200 }, limits })).toHaveLength(498);
    expect(await run(code, { inputs: { n: 300 }, limits })).toMatchObject({
      status: "stopped",
      reason: "output",
    });
  }),
  javascript("stops a program that logs without end", async ({ run }) => {
    const outcome = await run("while (true) console.log('again and again')", {
      limits: { maxOutputBytes: 10_000 },
    });
    expect(outcome).toMatchObject({ status: "stopped", reason: "output" });
  }),
  javascript("counts an error as output", async ({ run, error }) => {
    expect(
      await run("throw new Error('x'.repeat(5000))", { limits: { maxOutputBytes: 1000 } }),
    ).toMatchObject({ status: "stopped", reason: "output" });
    expect(
      await error("throw new Error('x'.repeat(500))", { limits: { maxOutputBytes: 1000 } }),
    ).toMatchObject({ message: "x".repeat(500) });
  }),
  javascript("ends recursion as an error of the program", async ({ error, value }) => {
    expect(await error("const f = (n) => f(n + 1) + 1; f(0)")).toMatchObject({
      // Firefox's own engine has a name of its own for it.
      name: expect.stringMatching(/^(?:Range|Internal)Error$/),
      kind: "exception",
    });
    expect(await error("return JSON.parse('['.repeat(1e5))")).toMatchObject({ kind: "exception" });
    expect(await value("const f = (n) => n === 0 ? 0 : f(n - 1) + 1; return f(200)")).toBe(200);
  }),
  javascript("tells the memory that was used", async ({ run }) => {
    const { peakMemoryBytes } = await run(
      "const bytes = new Uint8Array(25165824).fill(1); return bytes.length",
    );
    // A process may give some of its own memory back meanwhile.
    expect(peakMemoryBytes).toBeGreaterThan(16 * MIB);
    expect(peakMemoryBytes).toBeLessThan(96 * MIB);
  }),
];
