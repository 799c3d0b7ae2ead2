// Workers that a guest took over, and that speak our protocol against its rules. Their code runs in the
// place of `onRun` in setup/hostile-worker.ts, which lists what it may use.

import type { EscapeCase } from "./escape-case.ts";

const SECURITY = /^stopped\/security 403$/;

/** Waits for the answer of one call, also where others get none. */
const ANSWERED =
  "const answered = async (id) => { while (!replies.some((reply) => reply.id === id)) await next(replies.length + 1); }; ";

/** Makes a call that must be refused, then a good one; says that it escaped when the first was answered well. */
const refusedCall = (target: string, args = ""): string =>
  `${ANSWERED}turn({ calls: [{ ...call(1, "${target}"), args: ${JSON.stringify(args)} }] }); turn({ calls: [call(2, "page.echo", { v: 1 })] }); await answered(2); ${CLAIM_IF("replies.some(({ id, ok }) => id === 1 && ok)")};`;

const CLAIM_IF = (condition: string): string => `done(${condition} ? "ESC" + "APED" : "nothing")`;

/** Things to post in the place of a message, each by itself: the first one ends the run. */
const SHAPES: readonly (readonly [name: string, post: string])[] = [
  ["a boxed text", "post(Object('{}'))"],
  ["a map", "post(new Map([['type', 'turn'], ['run', run]]))"],
  ["an error", "post(Object.assign(new Error('x'), { type: 'turn' }))"],
  ["a date that is none", "post(new Date(NaN))"],
  [
    "a buffer",
    "post(new TextEncoder().encode(JSON.stringify({ type: 'turn', run, idle: false, calls: [], logs: [] })).buffer)",
  ],
  ["a blob", "post(new Blob(['{}']))"],
  ["a big number", "post(10n ** 100n)"],
  ["text that is a number", "post('1e400')"],
  ["text that is null", "post('null')"],
  ["text that is a list", "post('[]')"],
  [
    "text with a mark before it",
    "post('\\ufeff' + JSON.stringify({ type: 'turn', run, idle: true, calls: [], logs: [] }))",
  ],
  ["a type that is a list", "say({ type: ['turn'], run, idle: false, calls: [], logs: [] })"],
  [
    "calls that look like a list",
    "say({ type: 'turn', run, idle: false, calls: { length: 1, 0: call(1, 'page.echo') }, logs: [] })",
  ],
  ["calls that are absent", "say({ type: 'turn', run, idle: false, logs: [] })"],
  ["logs that are text", "say({ type: 'turn', run, idle: false, calls: [], logs: 'xx' })"],
  ["a call that is null", "say({ type: 'turn', run, idle: false, calls: [null], logs: [] })"],
  ["an end without an outcome", "say({ type: 'done', run, logs: [], peakMemoryBytes: 0 })"],
  ["an end of half a byte", "done(1, { peakMemoryBytes: 0.5 })"],
  ["memory below nothing", "say({ type: 'usage', run, memoryBytes: -1 })"],
  [
    "a type twice",
    'post(\'{"type":"turn","run":\' + JSON.stringify(run) + \',"idle":false,"calls":[],"logs":[],"type":"toString"}\')',
  ],
];

/** What a page that believes its worker does not stumble over. */
const NOT_READ = new Set(["memory below nothing", "an end of half a byte", "logs that are text"]);

const shapes: readonly EscapeCase[] = SHAPES.map(([name, post]) => ({
  id: `rpc-shape-${name.replaceAll(" ", "-")}`,
  covers: ["PUB-RPC-01"],
  wants: `the page to stumble over ${name}`,
  code: `${post}; done(1);`,
  ends: SECURITY,
  trips: NOT_READ.has(name) ? "The baseline takes it without harm." : ["errors"],
}));

const NAMES =
  "['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'isPrototypeOf', 'page', 'page.', '.echo', 'page..echo', 'page.echo.', 'page.echo\\n', ' page.echo', 'page.echo ', 'PAGE.ECHO', 'Page.echo', 'page.Echo', 'page/echo', 'page%2eecho', 'page\\\\.echo', 'page.\\u0435cho', 'page.\\uff45cho', 'pa\\u200bge.echo', 'page.echo\\u0000x', 'reflecting.page.echo', 'page.reflecting.headers', 'page.call', 'page.constructor', 'page.echo.constructor', 'tools.tools.page.echo', '../page.echo', 'then', '']";

export const PROTOCOL_ESCAPES: readonly EscapeCase[] = [
  ...shapes,
  {
    id: "rpc-ends-twice",
    covers: ["PUB-RPC-02"],
    wants: "to settle its run again with another value",
    code: 'done(1); done(2); say({ type: "done", run, outcome: { status: "threw", error: { name: "E", message: "late", kind: "exception" } }, logs: [], peakMemoryBytes: 0 }); done(3);',
    ends: /^returned$/,
    trips: ["forged"],
  },
  {
    id: "rpc-ends-others",
    covers: ["PUB-RPC-02"],
    wants: "to settle the runs of others",
    code: 'for (const other of ["r0", "r1", "r2", run + " ", "", "__proto__"]) say({ type: "done", run: other, outcome: { status: "returned", json: "\\"FORGED\\"" }, logs: [], peakMemoryBytes: 0 }); done(1);',
    ends: SECURITY,
    trips: ["forged"],
  },
  {
    id: "rpc-number-twice",
    covers: ["PUB-RPC-03"],
    wants: "one number for two calls",
    code: 'turn({ calls: [call(7, "page.echo", { mark: "only-once" }), call(7, "page.echo", { mark: "only-once" })] }); await next(2); done(1);',
    ends: SECURITY,
    trips: ["forged"],
  },
  {
    id: "rpc-number-again",
    covers: ["PUB-RPC-03"],
    wants: "a number again that was answered",
    code: 'turn({ calls: [call(7, "page.echo", { mark: "only-once" })] }); await next(1); turn({ calls: [call(7, "page.echo", { mark: "only-once" })] }); await next(2); done(1);',
    ends: SECURITY,
    trips: ["forged"],
  },
  ...[
    ["a-prototype", "'__proto__'"],
    ["a-text", "'1'"],
    ["half", "1.5"],
    ["negative", "-1"],
    ["null", "null"],
    ["an-object", "{}"],
    ["a-list", "[1]"],
    ["too-large", "2 ** 53"],
    ["infinite", "1e400"],
  ].map(
    ([name, number]): EscapeCase => ({
      id: `rpc-number-${name}`,
      covers: ["PUB-RPC-03"],
      wants: `${number} as the number of a call`,
      code: `turn({ calls: [call(${number}, "page.echo", { v: 1 })] }); await next(1); ${CLAIM_IF("replies.some((reply) => reply.ok)")};`,
      ends: SECURITY,
      trips: ["claim"],
    }),
  ),
  {
    id: "rpc-names",
    covers: ["PUB-RPC-04"],
    wants: "tools by names that nobody gave",
    code: `${ANSWERED}const names = ${NAMES}; for (let at = 0; at < names.length; at += 1) { turn({ calls: [call(2 * at, names[at], { v: 1 })] }); turn({ calls: [call(2 * at + 1, "page.echo", { v: 1 })] }); await answered(2 * at + 1); } ${CLAIM_IF("replies.some(({ id, ok }) => id % 2 === 0 && ok)")};`,
    trips: ["claim"],
  },
  {
    id: "rpc-pollutes",
    covers: ["PUB-RPC-05"],
    wants: "the page's prototypes",
    code: `const evil = '{"__proto__":{"polluted1":1},"constructor":{"prototype":{"polluted2":1}},"a":{"__proto__":{"polluted3":1}}}';
turn({ calls: [{ ...call(1, "page.echo"), args: evil, meta: JSON.parse(evil) }], meta: JSON.parse(evil) });
post('{"type":"turn","run":' + JSON.stringify(run) + ',"idle":false,"calls":[],"logs":[],"__proto__":{"polluted4":1},"constructor":{"prototype":{"polluted5":1}}}');
await next(1); done(JSON.parse(replies[0].json ?? "null"));`,
    trips: ["page"],
  },
  {
    id: "rpc-claims-to-be-another",
    covers: ["PUB-RPC-06"],
    wants: "the data of another session, by saying that it is that session",
    code: `const who = { session: "victim", sessionId: "victim", user: "admin", origin: "page", approved: true, trusted: true, server: "reflecting", headers: { authorization: "x" } };
turn({ ...who, calls: [{ ...call(1, "", { key: "private", ...who }), ...who, operation: "context_get" }, { ...call(2, "page.echo", { v: 1 }), ...who }] }); await next(2); done(replies.map((reply) => reply.json ?? reply.error));`,
    trips: ["planted"],
  },
  {
    id: "rpc-flood-of-calls",
    covers: ["PUB-RPC-07"],
    wants: "more calls than the page can count",
    code: 'for (let id = 1; id <= 5e4; id += 1) turn({ calls: [call(id, "page.echo", { id })] }); await next(5e4); done(1);',
    ends: /^stopped\/(?:security 403|tool_calls 429)$/,
    trips: ["over_limit"],
  },
  {
    id: "rpc-flood-within-credits",
    covers: ["PUB-RPC-07"],
    wants: "the page busy with as much as it lets through",
    code: 'const log = { level: "log", text: "" }; for (let n = 0; ; n += 1) { for (let i = 0; i < 8; i += 1) turn({ logs: Array(100).fill(log) }); await new Promise((r) => setTimeout(r)); }',
    ends: /^stopped\/(?:security 403|output 429|timeout 408)$/,
    trips: ["no_end"],
  },
  {
    id: "rpc-one-large-message",
    covers: ["PUB-RPC-07", "PUB-RPC-08"],
    wants: "one message that takes the page a second",
    code: 'post(\'{"type":"turn","run":\' + JSON.stringify(run) + \',"idle":false,"calls":[],"logs":[\' + \'{"level":"log","text":""},\'.repeat(3e6) + \'{"level":"log","text":""}]}\'); done(1);',
    // It ends when the message is there: 75 million characters are on their way for a while.
    limits: { timeoutMs: 20_000 },
    ends: SECURITY,
    trips: ["held"],
  },
  {
    id: "rpc-small-values-in-one-message",
    covers: ["PUB-RPC-08"],
    wants: "a message within its size whose parts take the page long",
    code: "say({ type: 'turn', run, idle: false, calls: [], logs: [], extra: Array(1e6).fill({}) }); done(1);",
    limits: { timeoutMs: 20_000 },
    ends: /^(?:returned|stopped\/security 403)$/,
    trips: "Within its size it does no harm to a fast machine: rpc-one-large-message is the same with more.",
  },
  ...[
    ["no-number", '{"v":NaN}'],
    ["undefined", "undefined"],
    ["unquoted", "{v:1}"],
    ["cut-off", '{"v":[1'],
    ["nothing", ""],
    ["two", '{"v":1}{"v":2}'],
    ["function", '{"v":()=>1}'],
  ].map(
    ([name, text]): EscapeCase => ({
      id: `rpc-args-${name}`,
      covers: ["PUB-RPC-08"],
      wants: "arguments that are no JSON to reach a tool",
      code: refusedCall("page.echo", text),
      trips: ["errors"],
    }),
  ),
  {
    id: "rpc-args-infinite",
    covers: ["PUB-RPC-08"],
    wants: "a number that JSON cannot hold to reach a tool",
    code: 'turn({ calls: [{ ...call(1, "page.echo"), args: \'{"v":1e999,"w":[-1e999]}\' }] }); await next(1); done(replies[0]);',
    trips: ["bad_call"],
  },
  ...[
    ["list", "[1]"],
    ["text", '"x"'],
    ["null", "null"],
    ["number", "5"],
  ].map(
    ([name, text]): EscapeCase => ({
      id: `rpc-args-a-${name}`,
      covers: ["PUB-RPC-08"],
      wants: "arguments that are no object to reach a tool",
      code: refusedCall("page.strict", text),
      trips: ["bad_call"],
    }),
  ),
  {
    id: "rpc-args-deep-or-wide",
    covers: ["PUB-RPC-08"],
    wants: "arguments that no code can walk",
    code: `turn({ calls: [{ ...call(1, "page.strict"), args: '{"v":'.repeat(1e4) + "1" + "}".repeat(1e4) }, { ...call(2, "page.strict"), args: "{" + Array.from({ length: 1e5 }, (_, i) => '"k' + i + '":1').join() + "}" }, { ...call(3, "page.strict"), args: JSON.stringify({ v: "x".repeat(4e6) }) }] }); await next(3); ${CLAIM_IF("replies.some((reply) => reply.ok)")};`,
    limits: { timeoutMs: 3_000 },
    trips: ["bad_call"],
  },
  {
    id: "rpc-args-wide-at-once",
    covers: ["PUB-RPC-07", "PUB-RPC-08"],
    wants: "the page busy with many calls of the widest arguments in one message",
    code: `const wide = "{" + Array.from({ length: 4.9e4 }, (_, i) => '"' + i + '":1').join() + "}"; turn({ calls: Array.from({ length: 24 }, (_, id) => ({ ...call(id, "page.strict"), args: wide })) }); await next(24); ${CLAIM_IF("replies.some((reply) => reply.ok)")};`,
    limits: { timeoutMs: 30_000 },
    trips: ["bad_call"],
  },
  {
    id: "rpc-calls-after-end",
    covers: ["PUB-ZOM-01", "PUB-RPC-02"],
    wants: "calls after its end",
    code: 'done(1); for (let id = 1; id < 40; id += 1) { turn({ calls: [call(id, "page.echo", { late: 1 })] }); await new Promise((r) => setTimeout(r, 3)); }',
    ends: /^returned$/,
    trips: ["late_calls"],
  },
];
