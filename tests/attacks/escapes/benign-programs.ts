import type { BenignProgram } from "./escape-case.ts";

/** Programs that do no harm and must give exactly these values; for the protocol, workers that keep its rules. */
export const BENIGN_PROGRAMS: Readonly<
  Record<"javascript" | "python" | "protocol", readonly BenignProgram[]>
> = {
  javascript: [
    {
      does: "computes",
      code: "return [6 * 7, 'ü'.length, { a: [null, true] }]",
      value: [42, 1, { a: [null, true] }],
    },
    {
      does: "prints",
      code: "console.log('one', 2, { three: [3] }); return 'said'",
      value: "said",
      logs: ['one 2 {"three":[3]}'],
    },
    { does: "calls a tool", code: "return (await tools.page.echo({ n: 7 })).n * 6", value: 42 },
    {
      does: "calls tools at once",
      code: "return (await Promise.all([1, 2, 3, 4, 5].map((n) => tools.page.echo({ n })))).reduce((sum, { n }) => sum + n, 0)",
      value: 15,
    },
    {
      does: "catches a tool's failure",
      code: "try { await tools.page.fail({ message: 'no' }); return 'came' } catch (e) { return [e instanceof Error, e.message] }",
      value: [true, "no"],
    },
    {
      does: "moves a megabyte",
      code: "const { t } = await tools.page.echo({ t: 'x'.repeat(1e6) }); return [t.length, t.at(-1)]",
      value: [1_000_000, "x"],
    },
    {
      does: "waits",
      code: "const before = Date.now(); await new Promise((r) => setTimeout(r, 30)); return Date.now() - before >= 25",
      value: true,
    },
    {
      does: "sorts, matches and parses",
      code: "return [[3, 1, 2].sort().join(), /(\\d+)-(\\d+)/.exec('10-20').slice(1), JSON.parse('{\"a\":1}').a]",
      value: ["1,2,3", ["10", "20"], 1],
    },
  ],
  python: [
    { does: "computes", code: "[6 * 7, len('ü'), {'a': [None, True]}]", value: [42, 1, { a: [null, true] }] },
    { does: "prints", code: "print('one', 2, [3])\n'said'", value: "said", logs: ["one 2 [3]"] },
    { does: "calls a tool", code: "(await tools.page.echo(n=7))['n'] * 6", value: 42 },
    {
      does: "calls tools at once",
      code: "import asyncio\nsum(one['n'] for one in await asyncio.gather(*(tools.page.echo(n=n) for n in range(6))))",
      value: 15,
    },
    {
      does: "catches a tool's failure",
      code: "try:\n    await tools.page.fail(message='no')\n    said = 'came'\nexcept Exception as error:\n    said = 'failed'\nsaid",
      value: "failed",
    },
    {
      does: "moves a megabyte",
      code: "t = (await tools.page.echo(t='x' * 1_000_000))['t']\n[len(t), t[-1]]",
      value: [1_000_000, "x"],
    },
    {
      does: "waits",
      code: "import asyncio, time\nbefore = time.monotonic()\nawait asyncio.sleep(0.03)\ntime.monotonic() - before >= 0.025",
      value: true,
    },
    {
      does: "uses the library",
      code: "import json, re, statistics, datetime\n[json.dumps({'a': 1}), re.findall(r'\\d+', '10-20'), statistics.mean([1, 2, 3]), datetime.date(2026, 1, 31).isoformat()]",
      value: ['{"a": 1}', ["10", "20"], 2, "2026-01-31"],
    },
    {
      does: "writes and reads a file",
      code: "open('/tmp/own', 'w').write('mine')\nopen('/tmp/own').read()",
      value: "mine",
    },
  ],
  protocol: [
    { does: "returns", code: "done([42, null])", value: [42, null] },
    {
      does: "prints",
      code: 'turn({ logs: [{ level: "log", text: "one" }] }); done("said")',
      value: "said",
      logs: ["one"],
    },
    {
      does: "calls a tool",
      code: 'turn({ calls: [call(1, "page.echo", { n: 7 })] }); await next(1); done(JSON.parse(replies[0].json).n * 6)',
      value: 42,
    },
    {
      does: "calls tools at once",
      code: 'turn({ calls: [1, 2, 3].map((id) => call(id, "page.echo", { id })) }); await next(3); done(replies.length)',
      value: 3,
    },
    {
      does: "calls in turn",
      code: 'for (let id = 1; id < 6; id++) { turn({ calls: [call(id, "page.echo", { id })] }); await next(id) } done(replies.map((reply) => reply.ok))',
      value: [true, true, true, true, true],
    },
    {
      does: "moves a megabyte",
      code: 'turn({ calls: [call(1, "page.echo", { t: "x".repeat(1e6) })] }); await next(1); done(JSON.parse(replies[0].json).t.length)',
      value: 1_000_000,
    },
  ],
};
