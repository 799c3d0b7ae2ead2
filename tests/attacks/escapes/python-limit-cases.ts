// Programs in Python that want time, memory, the stack, output or calls beyond their limits, or to die so
// that nobody answers.

import { CLAIM, type EscapeCase, INERT, TIMEOUT, TOO_MUCH } from "./escape-case.ts";

const CLAIMED = `"${CLAIM.slice(0, 3)}" + "${CLAIM.slice(3)}"`;

/** Reasons not to wait for each of a kind in the baseline: one of them is enough to see it hang. */
const AS_LOOP = "Holds the baseline as py-loop does.";
const AS_RECURSION = "Kills the baseline as py-recursion does; with a larger stack it is an error.";

/** An interpreter that died, or an error in its place where the browser's stack is larger. */
const DEATH = /^(?:stopped\/(?:crashed 500|memory 429|timeout 408)|threw (?:400|500) \w+|returned)$/;
/** Memory that is refused, wherever it lies. */
const REFUSED =
  /^(?:stopped\/(?:memory 429|timeout 408|crashed 500)|threw 500 (?:OSError|MemoryError|ImportError|AttributeError|ModuleNotFoundError))$/;

const endless = (
  id: string,
  covers: string,
  wants: string,
  code: string,
  trips: EscapeCase["trips"] = AS_LOOP,
): EscapeCase => ({
  id,
  covers: [covers],
  wants,
  code,
  ends: TIMEOUT,
  trips,
});

/** Takes what it can up to six times its memory, and says so when it got it. */
const hungry = (id: string, wants: string, code: string, more: Partial<EscapeCase> = {}): EscapeCase => ({
  id,
  covers: ["PUB-MEM-02"],
  wants,
  code: `${code}\n${CLAIMED}`,
  limits: { timeoutMs: 8_000 },
  ends: REFUSED,
  trips: ["claim"],
  ...more,
});

const deep = (
  id: string,
  wants: string,
  code: string,
  trips: EscapeCase["trips"] = AS_RECURSION,
): EscapeCase => ({
  id,
  covers: ["PUB-MEM-03"],
  wants,
  code,
  limits: { timeoutMs: 8_000 },
  ends: DEATH,
  trips,
});

const NESTED = "x = []\nfor _ in range(300_000): x = [x]";

export const PYTHON_LIMIT_ESCAPES: readonly EscapeCase[] = [
  endless("py-loop", "PUB-CPU-01", "a loop", "while True: pass", ["no_end", "next_run"]),
  endless(
    "py-loop-in-c",
    "PUB-CPU-01",
    "a loop in C that looks for no signal",
    "x = 7 ** 7 ** 9\nsum(iter(int, 1))",
  ),
  endless(
    "py-loop-in-del",
    "PUB-CPU-01",
    "a loop when it is collected",
    "class D:\n    def __del__(self):\n        while True: pass\nx = D()\ndel x",
  ),
  endless(
    "py-loop-in-exit",
    "PUB-CPU-01",
    "a loop while it is thrown out",
    "class C:\n    def __enter__(self): return self\n    def __exit__(self, *_):\n        while True:\n            try:\n                while True: pass\n            except BaseException: pass\nwith C(): 1 / 0",
  ),
  endless(
    "py-pattern",
    "PUB-CPU-01",
    "an expression that backtracks for ever",
    "import re\nre.fullmatch(r'(?:(a|aa)+)+b', 'a' * 60)",
  ),
  endless(
    "py-sleeps",
    "PUB-CPU-01",
    "to sleep",
    "import time\ntry: time.sleep(1000)\nfinally: time.sleep(1000)",
  ),
  endless(
    "py-awaits",
    "PUB-CPU-01",
    "tasks that breed",
    "import asyncio\nasync def breed():\n    while True:\n        await asyncio.sleep(0)\n        if len(asyncio.all_tasks()) < 100: asyncio.ensure_future(breed())\nawait breed()",
  ),
  endless(
    "py-tampers-interrupts",
    "PUB-CPU-03",
    "that no interrupt reaches it",
    "import sys\ntry:\n    import pyodide_js, js\n    pyodide_js.setInterruptBuffer(js.Int32Array.new(1))\nexcept BaseException: pass\ntry:\n    import signal\n    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM): signal.signal(s, lambda *_: None)\nexcept BaseException: pass\nsys.setswitchinterval(1000)\nsys.settrace(None)\nwhile True:\n    try:\n        while True: pass\n    except BaseException: continue",
    ["no_end", "next_run"],
  ),
  endless(
    "py-tampers-clock",
    "PUB-CPU-03",
    "that its bridge forgets the time",
    "host = type(tools).__getattr__.__globals__.get('_host')\nfor name in ('call', 'schedule', 'nestsDeeper'):\n    try: setattr(host, name, None)\n    except BaseException: pass\nimport signal, time\nsignal.default_int_handler = signal.raise_signal = lambda *_: None\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.monotonic = lambda: 0\nwhile True: pass",
  ),
  endless(
    "py-handles-interrupt",
    "PUB-CPU-03",
    "to go on in its handler",
    "import signal\ndef handle(*_):\n    while True: pass\nsignal.signal(signal.SIGINT, handle)\nwhile True: pass",
  ),

  hungry("py-bytearray", "one large block", "x = bytearray(400 << 20)"),
  hungry("py-list", "a list that grows", "x = []\nfor _ in range(100_000_000): x.append(1.5)"),
  hungry("py-dict", "a dict that grows", "x = {}\nfor n in range(6_000_000): x[n] = str(n)"),
  hungry("py-doubling", "a text that doubles", "x = 'ab'\nwhile len(x) < 400 << 20: x += x"),
  hungry("py-times", "a list of a hundred million", "x = [None] * 100_000_000"),
  hungry("py-shift", "a number of 400 MB", "x = 1 << (400 << 23)"),
  hungry("py-nested", "lists in lists", "x = []\nfor _ in range(3_000_000): x = [x, [0] * 20]"),
  hungry(
    "py-catches-memory",
    "to go on after memory was refused",
    "x = []\nwhile len(x) < 400:\n    try: x.append(bytearray(1 << 20))\n    except MemoryError: pass",
    { limits: { timeoutMs: 3_000 } },
  ),
  hungry(
    "py-files",
    "files in place of memory",
    "for n in range(80):\n    with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(5 << 20))",
  ),
  hungry(
    "py-files-appended",
    "files that grow by small parts",
    "with open('/tmp/grows', 'ab') as file:\n    for _ in range(200): file.write(bytes(1 << 20)); file.flush()",
  ),
  hungry(
    "py-files-mapped",
    "a file that is as long as it says",
    "import os\nfd = os.open('/tmp/long', os.O_RDWR | os.O_CREAT)\nos.ftruncate(fd, 400 << 20)\nos.lseek(fd, 400 << 20, 0)\nos.write(fd, b'x')",
  ),
  hungry(
    "py-pipe",
    "a pipe that nobody reads",
    "import os\nread, write = os.pipe()\nfor _ in range(400): os.write(write, bytes(1 << 20))",
  ),
  hungry(
    "py-to-js",
    "JavaScript's memory, by copies of bytes",
    "from pyodide.ffi import to_js\nx = [to_js(bytes(20 << 20)) for _ in range(20)]",
  ),
  hungry(
    "py-to-js-constructor",
    "JavaScript's memory, by a constructor",
    "from pyodide.ffi import to_js\nx = to_js(b'x').constructor.new(2**29)",
  ),
  {
    ...hungry(
      "py-names",
      "JavaScript's memory, by names of empty files and links",
      "import os\nn = 0\nwhile True:\n    os.symlink('x' * 3000 + str(n), f'/tmp/l{n}')\n    n += 1",
    ),
    limits: { timeoutMs: 500 },
    trips: AS_LOOP,
  },

  deep(
    "py-recursion",
    "recursion without limit",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\ntry: f(0)\nexcept RecursionError: pass\nf(0)",
    ["no_end", "next_run"],
  ),
  deep("py-deep-repr", "the text of deep lists", `${NESTED}\nlen(repr(x))`),
  deep(
    "py-deep-del",
    "the end of deep lists",
    `class D:\n    __slots__ = ('d',)\nx = D()\nfor _ in range(300_000):\n    y = D(); y.d = x; x = y\ndel y, x\n1`,
  ),
  deep(
    "py-deep-equal",
    "a comparison of deep lists",
    `${NESTED}\ny = []\nfor _ in range(300_000): y = [y]\nx == y`,
  ),
  deep(
    "py-deep-pickle",
    "a copy of deep lists",
    `${NESTED}\nimport copy, pickle\ntry: pickle.dumps(x)\nexcept RecursionError: copy.deepcopy(x)`,
  ),
  deep("py-deep-json", "deep JSON", "import json\njson.loads('[' * 300_000)"),
  deep("py-deep-value", "a deep value", `${NESTED}\nx`),
  deep("py-deep-argument", "a deep argument", `${NESTED}\nawait tools.page.echo(x=x)`),
  deep("py-deep-source", "deep source", "eval('(' * 200_000 + ')' * 200_000)"),
  deep(
    "py-deep-attributes",
    "attributes that ask for attributes",
    "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().y",
  ),
  deep(
    "py-deep-coroutines",
    "coroutines in coroutines",
    "import sys\nsys.setrecursionlimit(10**9)\nasync def f(n): return await f(n + 1)\nawait f(0)",
  ),

  {
    id: "py-exits",
    covers: ["PUB-EXIT-01"],
    wants: "to leave, and to stop the loop that would say so",
    code: "import sys, asyncio\nprint('before')\ntry: asyncio.get_event_loop().stop()\nexcept BaseException as error: print(type(error).__name__)\nsys.exit('bye')",
    trips: "An exit is an error like any other, in the baseline too.",
  },
  {
    id: "py-exits-from-task",
    covers: ["PUB-EXIT-01"],
    wants: "to leave from a task",
    code: "import asyncio, sys\nasync def leave(): sys.exit(3)\nasyncio.ensure_future(leave())\nawait asyncio.sleep(0.05)\n'stayed'",
    trips: "An exit is an error like any other, in the baseline too.",
  },
  {
    id: "py-exits-process",
    covers: ["PUB-EXIT-01"],
    wants: "the interpreter to end without a word",
    code: "import os\nos._exit(0)",
    limits: { timeoutMs: 8_000 },
    ends: /^stopped\/crashed 500$/,
    trips: ["next_run"],
  },
  {
    id: "py-aborts",
    covers: ["PUB-EXIT-01", "PUB-MEM-03"],
    wants: "the interpreter to abort",
    code: "import os, faulthandler\ntry: os.kill(os.getpid(), 9)\nexcept BaseException: pass\nos.abort()",
    limits: { timeoutMs: 8_000 },
    ends: /^stopped\/crashed 500$/,
    trips: "Kills the baseline as py-exits-process does.",
  },
  {
    id: "py-writes-anywhere",
    covers: ["PUB-ESC-03", "PUB-MEM-03"],
    wants: "the interpreter's own memory",
    code: "import ctypes\nctypes.memset(8, 255, 1 << 24)\nctypes.string_at(0xfffffff0, 64)",
    limits: { timeoutMs: 8_000 },
    ends: DEATH,
    trips: ["next_run"],
  },

  {
    id: "py-prints",
    covers: ["PUB-OUT-01"],
    wants: "output without end",
    code: "for _ in range(60): print('A' * 100_000)\n'printed'",
    limits: { timeoutMs: 5_000 },
    ends: TOO_MUCH,
    trips: ["over_limit"],
  },
  {
    id: "py-writes-output",
    covers: ["PUB-OUT-01"],
    wants: "the same past print, and in one piece",
    code: "import os, sys\ntry: os.write(2, b'x' * 10_000_000)\nexcept BaseException: pass\ntry: sys.__stdout__.write('y' * 10_000_000 + '\\n')\nexcept BaseException: pass\nwhile True: sys.stderr.write('\\n')",
    limits: { timeoutMs: 3_000 },
    ends: TOO_MUCH,
    trips: AS_LOOP,
  },
  {
    id: "py-too-many-calls",
    covers: ["PUB-CALL-01"],
    wants: "more calls than it may make, whatever it catches",
    code: "import asyncio\nn = 0\nfor _ in range(8):\n    try: n += len(await asyncio.gather(*(tools.page.echo(i=i) for i in range(50)), return_exceptions=True))\n    except BaseException: pass\nn",
    limits: { timeoutMs: 5_000 },
    ends: new RegExp(`${TOO_MUCH.source}|${INERT.source}`),
    trips: ["over_limit"],
  },
];
