import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { python, type SandboxCase } from "../sandbox-case.ts";

export const PYTHON_VALUE_CASES: readonly SandboxCase[] = [
  python("gives the value of the last expression, of return, or of result", async ({ value }) => {
    expect(await value("x = 20\nx + 22")).toBe(42);
    expect(await value("if inputs['deep']:\n    return [1]\nreturn 2", { inputs: { deep: true } })).toEqual([
      1,
    ]);
    expect(await value("result = {'a': 1}\nprint('done')")).toEqual({ a: 1 });
    expect(await value("x = 1")).toBeNull();
    expect(await value("")).toBeNull();
    expect(await value("await asyncio.sleep(0)\nreturn 3")).toBe(3);
  }),
  python("keeps the names of a program with return global", async ({ value }) => {
    const code = `
from __future__ import annotations
import math as m
total = 0
def add(n):
    global total
    total += n
for n in range(4): add(n)
return [total, globals()["total"], m.floor(2.5), [total for _ in range(2)]]`;
    expect(await value(code)).toEqual([6, 6, 2, [6, 6]]);
  }),
  python("hands in data as inputs and params", async ({ value }) => {
    const inputs = { list: [1, 2.5, "é", null, true], nested: { a: {} } };
    expect(await value("[inputs, params == inputs, type(inputs['list'][0]).__name__]", { inputs })).toEqual([
      inputs,
      true,
      "int",
    ]);
  }),
  python("writes dates, numbers, sets and dataclasses by its rules", async ({ value }) => {
    const code = `
import dataclasses, datetime as d, decimal, enum, collections
@dataclasses.dataclass
class Point:
    x: int
    when: d.date
class Color(enum.Enum):
    RED = "red"
Pair = collections.namedtuple("Pair", "a b")
return {
    "datetime": d.datetime(2024, 5, 6, 7, 8, 9, tzinfo=d.timezone.utc), "date": d.date(2024, 5, 6), "time": d.time(7, 8),
    "delta": d.timedelta(minutes=1.5), "decimal": decimal.Decimal("1.10"), "set": {3, 1, 2}, "frozen": frozenset("b"), "tuple": (1, (2,)),
    "named": Pair(1, 2), "point": Point(1, d.date(2024, 1, 2)), "enum": Color.RED, "nan": float("nan"), "inf": -float("inf"),
    "big": 2**60, "safe": 2**53 - 1, "negative": -(2**53), 1: "key", None: 0, True: 1, "ordered": collections.OrderedDict(a=1),
}`;
    expect(await value(code)).toEqual({
      datetime: "2024-05-06T07:08:09+00:00",
      date: "2024-05-06",
      time: "07:08:00",
      delta: 90,
      decimal: "1.10",
      set: [1, 2, 3],
      frozen: ["b"],
      tuple: [1, [2]],
      named: [1, 2],
      point: { x: 1, when: "2024-01-02" },
      enum: "red",
      nan: null,
      inf: null,
      big: "1152921504606846976",
      safe: 9007199254740991,
      negative: "-9007199254740992",
      // `True` is the key `1` for Python.
      "1": 1,
      null: 0,
      ordered: { a: 1 },
    });
  }),
  python("writes bytes as data", async ({ value }) => {
    expect(await value("b'\\x01\\x02\\xff'")).toEqual({ type: "bytes", byteLength: 3, base64: "AQL/" });
    expect(await value("[bytearray(b'a'), memoryview(b'b')]")).toEqual([
      { type: "bytes", byteLength: 1, base64: "YQ==" },
      { type: "bytes", byteLength: 1, base64: "Yg==" },
    ]);
  }),
  python("refuses what JSON can't hold, and names its path", async ({ error }) => {
    for (const [code, message] of [
      ["{'a': [1, object()]}", "value.a[1] is a object, which JSON can't hold: convert it first"],
      ["{'f': len}", "value.f is a builtin_function_or_method, which JSON can't hold: convert it first"],
      ["{'a': {(1, 2): 3}}", "value.a has the key (1, 2): the keys of JSON are text"],
      ["a = []; a.append(a); a", "value[0] refers back to an object around it, which JSON can't hold"],
      ["3 + 4j", "value is a complex, which JSON can't hold: convert it first"],
    ] as const) {
      expect(await error(code)).toMatchObject({ name: "TypeError", kind: "invalid_value", message });
    }
    expect(await error("a = []\nfor _ in range(300): a = [a]\na")).toMatchObject({
      message: expect.stringContaining("is nested deeper than 200 levels"),
      kind: "invalid_value",
    });
  }),
  python("keeps text as it is", async ({ value }) => {
    const text = 'ünï "quoted" \u2028 \u0000 😀 \\n';
    expect(await value("inputs['text']", { inputs: { text } })).toBe(text);
  }),
  python("carries values of a megabyte quickly", async ({ value }) => {
    const rows = await value("[{'id': n, 'name': f'row {n}', 'score': n / 7} for n in range(10_000)]", {
      limits: { maxOutputBytes: 4 * 1024 * 1024 },
    });
    expect(Object(rows)).toHaveLength(10_000);
    expect(Object(rows)[9_999]).toEqual({ id: 9_999, name: "row 9999", score: 9_999 / 7 });
  }),
  python("prints by lines, to both streams", async ({ run }) => {
    const port = recordingPort();
    await run(
      "import sys\nprint('a', 1, {'b': 2})\nprint('x\\ny')\nsys.stderr.write('bad\\n')\nprint('é😀', end='')",
      { port },
    );
    expect(port.logs).toEqual([
      { level: "log", text: "a 1 {'b': 2}" },
      { level: "log", text: "x" },
      { level: "log", text: "y" },
      { level: "error", text: "bad" },
      { level: "log", text: "é😀" },
    ]);
  }),
  python("sends what was printed while the program runs", async ({ run }) => {
    const port = recordingPort();
    const running = run("print('early')\nawait tools.srv.wait()\nprint('late')", { port });
    await port.logged("early");
    await port.called(1);
    await running;
    expect(port.logs.map(({ text }) => text)).toEqual(["early", "late"]);
  }),
];
