import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { python, type SandboxCase } from "../sandbox-case.ts";
import { everyOperation } from "./every-operation.ts";

const aMoment = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const FAILED = {
  ok: false,
  error: {
    name: "ToolError",
    message: "no stock",
    kind: "tool_error",
    code: 500,
    hint: "Order it.",
    tool: "srv.buy",
    server: "srv",
  },
} as const;

export const PYTHON_CALL_CASES: readonly SandboxCase[] = [
  python("hands over the tool's path and its named arguments", async ({ value }) => {
    const port = recordingPort();
    await value(
      "import datetime\nawait tools.srv.list(n=1, when=datetime.date(2024, 1, 2), data=b'ab')\nawait tools['my-srv']['do it']()\nawait tools.srv.both({'a b': 1}, c=2)\nreturn 1",
      { port },
    );
    expect(port.calls.map(({ operation, target, args }) => ({ operation, target, args }))).toEqual([
      { operation: "tool", target: "srv.list", args: '{"n":1,"when":"2024-01-02","data":"YWI="}' },
      { operation: "tool", target: "my-srv.do it", args: "{}" },
      { operation: "tool", target: "srv.both", args: '{"a b":1,"c":2}' },
    ]);
  }),
  python("asks for searches, descriptions and context by name", async ({ value }) => {
    const port = recordingPort(({ operation }) => ({ ok: true, json: JSON.stringify(operation) }));
    const code = `[
      await tools.search("words"), await tools.search("words", 3), await tools.describe("srv.a"), await tools.describe(["srv.a"], maxTokens=50),
      await context.get("k"), await context.set("k", {"v": b"a"}), await context.delete("k"), await context.keys(), await context.open("h"),
    ]`;
    const asked = everyOperation({ v: { $bytes: "YQ==" } });
    expect(await value(code, { port })).toEqual(asked.map(([operation]) => operation));
    expect(port.calls.map(({ operation, args }) => [operation, JSON.parse(args)])).toEqual(asked);
  }),
  python("gives the value itself in synchronous code", async ({ value }) => {
    const code = `
def read(n):
    row = tools.srv.read(n=n)
    return row["n"] * 10
class Row:
    def __init__(self, n): self.row = tools.srv.read(n=n)
    def __getattr__(self, name): return tools.srv.read(n=len(name))["n"]
import re
return [
    read(1), Row(2).row, Row(0).abc, sorted([3, 1, 2], key=lambda n: tools.srv.read(n=n)["n"]),
    re.sub("x", lambda _: str(tools.srv.read(n=7)["n"]), "axb"), [tools.srv.read(n=n)["n"] for n in range(3)],
]`;
    expect(await value(code)).toEqual([10, { n: 2 }, 3, [1, 2, 3], "a7b", [0, 1, 2]]);
  }),
  python("gives an awaitable to whoever can await it", async ({ value }) => {
    const code = `
def read(n): return tools.srv.read(n=n)
direct = await tools.srv.read(n=1)
listed = await asyncio.gather(*[tools.srv.read(n=n) for n in range(2)])
generated = await asyncio.gather(*(tools.srv.read(n=n) for n in range(2)))
mapped = await asyncio.gather(*map(lambda n: tools.srv.read(n=n), range(2)))
handed = await asyncio.gather(*[read(n) for n in range(2)])
task = await asyncio.create_task(tools.srv.read(n=5))
async with asyncio.TaskGroup() as group:
    grouped = group.create_task(tools.srv.read(n=6))
return [direct, listed, generated, mapped, handed, task, grouped.result()]`;
    const two = [{ n: 0 }, { n: 1 }];
    expect(await value(code)).toEqual([{ n: 1 }, two, two, two, two, { n: 5 }, { n: 6 }]);
  }),
  python("goes on with an answer that arrives while it computes", async ({ value }) => {
    const port = recordingPort(async ({ args }) => {
      const { n } = JSON.parse(args);
      if (n === 2) await aMoment(100);
      return { ok: true, json: args };
    });
    const code = `
import time
arrived = asyncio.Event()
async def compute():
    await tools.srv.read(n=1)
    end = time.monotonic() + 0.4
    while time.monotonic() < end: pass
    return await arrived.wait()
async def read():
    value = await tools.srv.read(n=2)
    arrived.set()
    return value
return await asyncio.gather(compute(), read())`;
    expect(await value(code, { port })).toEqual([true, { n: 2 }]);
  }),
  python("makes calls at one time with gather, and answers in their order", async ({ value }) => {
    const port = recordingPort(async ({ args }) => {
      const { n } = JSON.parse(args);
      await aMoment(n % 5);
      return { ok: true, json: String(n * n) };
    });
    const code = "await asyncio.gather(*(tools.srv.square(n=n) for n in range(100)))";
    expect(await value(code, { port })).toEqual(Array.from({ length: 100 }, (_, n) => n * n));
    expect(port.mostInFlight).toBeGreaterThan(8);
    expect(port.mostInFlight).toBeLessThanOrEqual(32);
  }),
  python("raises a failed call as a ToolError that can be caught", async ({ value, error }) => {
    const port = recordingPort(() => FAILED);
    const code = `
try:
    tools.srv.buy()
except ToolError as error:
    result = [str(error), error.kind, error.code, error.hint, error.tool, error.server, isinstance(error, Exception)]`;
    expect(await value(code, { port })).toEqual([
      "no stock",
      "tool_error",
      500,
      "Order it.",
      "srv.buy",
      "srv",
      true,
    ]);
    expect(await error("x = 1\nawait tools.srv.buy()", { port })).toMatchObject({
      name: "ToolError",
      message: "no stock",
      kind: "tool_error",
      hint: "Order it.",
      line: 2,
    });
  }),
  python("revives bytes of an answer as bytes", async ({ value }) => {
    const port = recordingPort(({ args }) =>
      args === "{}"
        ? { ok: true, json: '{"image":{"$bytes":"AQL/"},"list":[{"$bytes":""}]}', bytes: true }
        : { ok: true, json: args },
    );
    const code =
      "image = tools.srv.image()\nsent = tools.srv.echo(data=image['image'])\nreturn [list(image['image']), image['list'][0] == b'', sent]";
    expect(await value(code, { port })).toEqual([[1, 2, 255], true, { data: "AQL/" }]);
  }),
  python("tells the namespaces of tools", async ({ value }) => {
    const port = recordingPort(undefined, ["github", "notes"]);
    expect(
      await value(
        "[list(tools), 'github' in tools, 'x' in tools, 'notes' in dir(tools), hasattr(tools, '__len__')]",
        {
          port,
        },
      ),
    ).toEqual([["github", "notes"], true, false, true, false]);
  }),
  python("refuses arguments by position", async ({ error }) => {
    expect(await error("await tools.srv.a('x')")).toMatchObject({
      name: "TypeError",
      message: "tools.srv.a takes its arguments by name, such as name=value",
    });
  }),
  python("ends with the program: open calls are aborted", async ({ value }) => {
    const aborted = Promise.withResolvers<void>();
    const port = recordingPort(
      (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.resolve());
        }),
    );
    expect(
      await value("task = asyncio.ensure_future(tools.srv.slow())\nawait asyncio.sleep(0.02)\n'done'", {
        port,
      }),
    ).toBe("done");
    await aborted.promise;
  }),
];
