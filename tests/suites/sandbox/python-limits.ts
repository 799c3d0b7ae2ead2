import { expect, vi } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { python, type SandboxCase } from "../sandbox-case.ts";

const MIB = 1024 * 1024;

export const PYTHON_LIMIT_CASES: readonly SandboxCase[] = [
  python("stops a Python loop at its time, and runs the next program", async ({ run, value }) => {
    for (const code of [
      "while True: pass",
      "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
      "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
      "while True: await asyncio.sleep(0)",
      "sum(range(10**12))",
      "import time\ntime.sleep(30)",
      "await asyncio.sleep(30)",
    ]) {
      expect(await run(code, { limits: { timeoutMs: 300 } })).toMatchObject({
        status: "stopped",
        reason: "timeout",
        message: "The program ran longer than 300 ms.",
      });
    }
    expect(await value("1")).toBe(1);
  }),
  python("lets a program that is out of time clean up", async ({ run }) => {
    // In Python 3.11 a loop that a `try` begins with is not in it when the interrupt comes.
    const code = "try:\n    n = 0\n    while True: n += 1\nfinally:\n    print('cleaned up')";
    // It has 120 ms for that, which a loaded machine may not give it each time.
    await vi.waitFor(
      async () => {
        const port = recordingPort();
        expect(await run(code, { port, limits: { timeoutMs: 200 } })).toMatchObject({ reason: "timeout" });
        expect(port.logs).toEqual([{ level: "log", text: "cleaned up" }]);
      },
      { timeout: 15_000 },
    );
  }),
  python("does not count the time that Python waits for tools", async ({ value }) => {
    const port = recordingPort(async ({ args }) => {
      await new Promise((resolve) => setTimeout(resolve, JSON.parse(args).ms));
      return { ok: true, json: "1" };
    });
    const limits = { timeoutMs: 400, toolWaitMs: 20_000 };
    expect(await value("for _ in range(2): await tools.srv.wait(ms=500)\n'awaited'", { port, limits })).toBe(
      "awaited",
    );
    expect(await value("for _ in range(2): tools.srv.wait(ms=500)\n'in turn'", { port, limits })).toBe(
      "in turn",
    );
    const together = "await asyncio.gather(*(tools.srv.wait(ms=ms) for ms in (50, 1200)))\n'together'";
    expect(await value(together, { port, limits })).toBe("together");
  }),
  python("stops Python that waits for tools past its patience", async ({ run }) => {
    const port = recordingPort(() => new Promise(() => {}));
    for (const code of ["await tools.srv.never()", "tools.srv.never()"]) {
      expect(await run(code, { port, limits: { toolWaitMs: 200 } })).toMatchObject({
        status: "stopped",
        reason: "timeout",
        message: "The program waited longer than 200 ms for tools.",
      });
    }
  }),
  python("does not take a program that sleeps often for one that waits for nothing", async ({ value }) => {
    const code =
      "import time\nfor _ in range(150): time.sleep(0.004)\nfor _ in range(150): await asyncio.sleep(0.004)\n'awake'";
    expect(await value(code)).toBe("awake");
  }),
  python("ends Python that waits for nothing", async ({ error }) => {
    const code = "await asyncio.get_running_loop().create_future()";
    expect(await error(code)).toMatchObject({ kind: "never_settles" });
  }),
  python("stops Python at its memory, and runs the next program", async ({ run, value }) => {
    const limits = { memoryBytes: 48 * MIB };
    for (const code of [
      "x = bytearray(200 * 1024 * 1024)",
      "x = []\nwhile True: x.append([0] * 1000)",
      "x = 'x'\nwhile True: x += x",
    ]) {
      expect(await run(code, { limits })).toMatchObject({
        status: "stopped",
        reason: "memory",
        message: "The program needs more than 48 MiB of memory.",
      });
    }
    expect(await value("len(bytearray(30 * 1024 * 1024))", { limits })).toBe(30 * MIB);
  }),
  python("lets a program catch that it has no memory left", async ({ value }) => {
    const code = "try:\n    bytearray(500 * 1024 * 1024)\nexcept MemoryError:\n    result = 'caught'";
    expect(await value(code)).toBe("caught");
  }),
  python("lets files and pipes hold no more than its memory", async ({ value }) => {
    const code = `
import errno, os
written, code = 0, None
try:
    with open("/tmp/fill", "wb") as file:
        while written < 100_000_000: written += file.write(bytes(1024 * 1024))
except OSError as error:
    code = errno.errorcode[error.errno]
os.remove("/tmp/fill")
if code is None: return "no limit"
read, write = os.pipe()
try:
    while True: os.write(write, bytes(1024 * 1024))
except OSError as error:
    return [code, written <= 16 * 1024 * 1024, errno.errorcode[error.errno]]`;
    const limits = { memoryBytes: 16 * MIB, timeoutMs: 10_000 };
    expect(await value(code, { limits })).toEqual(["ENOSPC", true, "ENOSPC"]);
  }),
  python("tells the memory that Python used, and when it gets scarce", async ({ run }) => {
    const port = recordingPort();
    const code =
      "x = []\nimport time\nfor _ in range(60):\n    x.append(bytearray(1024 * 1024))\n    end = time.monotonic() + 0.02\n    while time.monotonic() < end: pass\nlen(x)";
    const { peakMemoryBytes } = await run(code, { port });
    expect(peakMemoryBytes).toBeGreaterThan(50 * MIB);
    expect(peakMemoryBytes).toBeLessThanOrEqual(96 * MIB);
    const samples = port.notices.filter(({ type }) => type === "memory");
    expect(samples.length).toBeGreaterThan(3);
    expect(port.notices.filter(({ type }) => type === "memory_pressure")).toHaveLength(1);
  }),
  python("stops Python output, calls and arguments past their limits", async ({ run, value }) => {
    const logs = "while True: print('again and again')";
    expect(await run(logs, { limits: { maxOutputBytes: 10_000 } })).toMatchObject({ reason: "output" });
    const written = "import os\nwhile True: os.write(1, b'x' * 10000)";
    expect(await run(written, { limits: { maxOutputBytes: 100_000 } })).toMatchObject({ reason: "output" });
    expect(await run("'x' * 999", { limits: { maxOutputBytes: 1000 } })).toMatchObject({ reason: "output" });
    expect(await value("'x' * 998", { limits: { maxOutputBytes: 1000 } })).toHaveLength(998);
    const port = recordingPort();
    const calls = "for _ in range(4): await tools.srv.a()";
    expect(await run(calls, { port, limits: { maxToolCalls: 3 } })).toMatchObject({ reason: "tool_calls" });
    expect(port.calls.length).toBeLessThanOrEqual(3);
    const large = await run("await tools.srv.a(text='x' * 5000)", { limits: { maxMessageBytes: 4096 } });
    expect(large).toMatchObject({ reason: "output", message: "A call's arguments exceed 4096 bytes." });
  }),
  python("ends plain recursion as an error of the program", async ({ error }) => {
    expect(await error("def f(): return f()\nf()")).toMatchObject({
      name: "RecursionError",
      kind: "exception",
    });
  }),
  python("says at once that the interpreter died, and runs the next program", async ({ run, value }) => {
    for (const code of ["import os\nos._exit(1)", "import os\nos.abort()"]) {
      const started = performance.now();
      const port = recordingPort();
      const outcome = await run(`print("before")\n${code}`, { port, limits: { timeoutMs: 20_000 } });
      expect(port.logs).toEqual([{ level: "log", text: "before" }]);
      expect([code, outcome]).toMatchObject([code, { status: "stopped", reason: "crashed" }]);
      expect(performance.now() - started).toBeLessThan(15_000);
    }
    expect(await value("1")).toBe(1);
  }),
  python("cancels a Python loop", async ({ run }) => {
    const controller = new AbortController();
    const port = recordingPort();
    const running = run("await tools.srv.hello()\nwhile True: pass", { port, signal: controller.signal });
    await port.called(1);
    controller.abort();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
  }),
];
