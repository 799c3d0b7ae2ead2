import { expect } from "vitest";
import { python, type SandboxCase } from "../sandbox-case.ts";

export const PYTHON_LANGUAGE_CASES: readonly SandboxCase[] = [
  python("tells where a program failed, in its own lines", async ({ error }) => {
    const code = "def divide(a, b):\n    return a / b\n\nfor n in (1, 0):\n    x = 'é' and divide(1, n)";
    expect(await error(code)).toEqual({
      name: "ZeroDivisionError",
      message: "division by zero",
      kind: "exception",
      line: 2,
      column: 12,
      stack:
        '  File "program.py", line 5, in <module>\n    x = \'é\' and divide(1, n)\n  File "program.py", line 2, in divide\n    return a / b',
    });
  }),
  python("tells the place also in a program with return, and after an await", async ({ error }) => {
    expect(
      await error("await asyncio.sleep(0)\nif True:\n    raise ValueError('no')\nreturn 1"),
    ).toMatchObject({
      name: "ValueError",
      message: "no",
      line: 3,
      column: 5,
    });
    expect(await error("x = 1\nreturn x.y")).toMatchObject({ name: "AttributeError", line: 2, column: 8 });
  }),
  python("shows no frame but the program's", async ({ error }) => {
    const { stack } = await error("import json\njson.loads('{')");
    expect(stack).toBe("  File \"program.py\", line 2, in <module>\n    json.loads('{')");
  }),
  python("tells where the syntax is wrong", async ({ error }) => {
    expect(await error("x = 1\nif x\n    print(x)")).toMatchObject({
      name: "SyntaxError",
      message: "expected ':'",
      kind: "syntax",
      line: 2,
      column: 5,
    });
    expect(await error("  x = 1")).toMatchObject({ name: "IndentationError", kind: "syntax", line: 1 });
    expect(await error("def f():\n    await g()\nreturn 1")).toMatchObject({ kind: "syntax", line: 2 });
  }),
  python("explains a call that nobody awaited, and a package that is not here", async ({ error }) => {
    const code = "async def main():\n    rows = tools.srv.rows()\n    return rows['a']\nawait main()";
    expect(await error(code)).toMatchObject({
      name: "TypeError",
      line: 3,
      hint: "A tool was not awaited: write `await` before the call.",
    });
    expect(await error("import numpy")).toMatchObject({
      name: "ModuleNotFoundError",
      hint: expect.stringContaining("standard library"),
    });
  }),
  python("ends early with sys.exit, and fails with its code", async ({ value, error }) => {
    expect(await value("import sys\nresult = 5\nsys.exit()")).toBe(5);
    expect(await error("import sys\nsys.exit('bye')")).toMatchObject({ name: "SystemExit", message: "bye" });
    expect(await error("exit(3)")).toMatchObject({ name: "SystemExit", message: "3" });
  }),
  python("has the standard library", async ({ value }) => {
    const code = `
import collections, csv, dataclasses, datetime, hashlib, io, itertools, json, math, re, statistics, textwrap, typing, uuid
return [
    collections.Counter("aab")["a"], list(csv.reader(io.StringIO("a,b")))[0], hashlib.sha256(b"x").hexdigest()[:8], math.isqrt(17),
    re.sub(r"(\\w+)", lambda m: m[1].upper(), "ab cd"), statistics.median([3, 1, 2]), len(str(uuid.uuid4())),
]`;
    expect(await value(code)).toEqual([2, ["a", "b"], "2d711642", 4, "AB CD", 2, 36]);
  }),
  python("runs classes, dataclasses, pickles and match statements", async ({ value }) => {
    const code = `
import pickle
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    y: int = 0
match pickle.loads(pickle.dumps(Point(1, 2))):
    case Point(x=1, y=y):
        result = y`;
    expect(await value(code)).toBe(2);
  }),
  python("reads and writes files of its own", async ({ value }) => {
    const code =
      "from pathlib import Path\nPath('/tmp/a.txt').write_text('héllo')\nopen('/tmp/a.txt').read()";
    expect(await value(code)).toBe("héllo");
  }),
  python("runs an event loop of the program's own", async ({ value }) => {
    const code = `
async def main():
    await asyncio.sleep(0.001)
    return [await tools.srv.echo(n=n) for n in range(2)]
asyncio.run(main())`;
    expect(await value(code)).toEqual([{ n: 0 }, { n: 1 }]);
  }),
  python("keeps nothing of one Python program for the next", async ({ value }) => {
    await value(`
import builtins, json, os, random, sys
open("/tmp/left", "w").write("LEAKED")
builtins.left = json.left = "LEAKED"
sys.modules["left"] = json
os.environ["LEFT"] = "LEAKED"
json.dumps = lambda *_: "LEAKED"
random.seed(1)
asyncio.ensure_future(asyncio.sleep(60))
left = 1`);
    const code = `
import json, os, sys
return ["left" in globals(), os.path.exists("/tmp/left"), hasattr(json, "left"), "left" in sys.modules, os.environ.get("LEFT"), json.dumps(1)]`;
    expect(await value(code)).toEqual([false, false, false, false, null, "1"]);
  }),
  python("gives every Python program its own random numbers", async ({ value }) => {
    const code =
      "import os, random, secrets, ssl, uuid\n[random.random(), random.getrandbits(64), os.urandom(8).hex(), uuid.uuid4().hex, secrets.token_hex(8), ssl.RAND_bytes(8).hex()]";
    const [one, other] = [Object(await value(code)), Object(await value(code))];
    for (const at of [0, 1, 2, 3, 4, 5]) expect(one[at]).not.toEqual(other[at]);
  }),
];
