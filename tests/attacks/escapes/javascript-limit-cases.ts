// Programs in JavaScript that want time, memory, the stack, threads or calls beyond their limits.

import { RECURSION } from "../../suites/differences.ts";
import { CLAIM, type EscapeCase, INERT, TIMEOUT, TOO_MUCH } from "./escape-case.ts";

const CLAIMED = `"${CLAIM.slice(0, 3)}" + "${CLAIM.slice(3)}"`;
const HEAP = "No page can cap the heap of the browser's engine: THREAT_MODEL.md, What is not promised.";

export const JAVASCRIPT_LIMIT_ESCAPES: readonly EscapeCase[] = [
  {
    id: "js-microtasks",
    covers: ["PUB-CPU-04"],
    wants: "promise jobs without end, so that no clock inside it ticks",
    code: "const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})",
    ends: TIMEOUT,
    trips: ["no_end", "next_run"],
  },
  {
    id: "js-microtasks-queued",
    covers: ["PUB-CPU-04"],
    wants: "the same by queueMicrotask, thenables and an async generator",
    code: "const t = { then(ok) { queueMicrotask(() => ok(t)) } }; (async () => { for (;;) await null })(); (async function* () { for (;;) yield 1 })(); await t",
    ends: TOO_MUCH,
    trips: ["no_end", "next_run"],
  },
  {
    id: "js-loop-that-catches",
    covers: ["PUB-CPU-04"],
    wants: "to catch its own end",
    code: "for (;;) { try { for (;;); } catch {} finally { try { for (;;); } finally { for (;;); } } }",
    ends: TIMEOUT,
    trips: ["no_end", "next_run"],
  },
  {
    id: "js-sparse",
    covers: ["PUB-CPU-05"],
    wants: "a builtin that walks what is not there",
    code: "const a = []; a.length = 2 ** 32 - 1; return a.join('').length + a.indexOf(1) + a.findLast((x) => x)",
    ends: /^(?:returned|threw 500 \w+|stopped\/(?:timeout 408|memory 429))$/,
    trips:
      "V8 answers it with a RangeError at once; without our clock QuickJS does not, as the controls show.",
  },
  {
    id: "js-patterns",
    covers: ["PUB-CPU-05"],
    wants: "an expression that backtracks for ever",
    code: "return ['x'.repeat(60) + '!'].map((s) => /^(?:(x|xx|xxx)+)+$/.test(s) || s.replace(/(?<=^(x*)*)y/g, ''))",
    ends: TIMEOUT,
    trips: ["no_end", "next_run"],
  },
  {
    id: "js-heap",
    covers: ["PUB-MEM-01"],
    wants: "ten times its memory in arrays and texts",
    code: `const keep = []; for (let i = 0; i < 80; i++) keep.push(new Array(1e6).fill(i + 0.5)); return ${CLAIMED} + keep.length`,
    limits: { timeoutMs: 8_000 },
    ends: TOO_MUCH,
    trips: ["claim"],
    skips: { native: HEAP },
  },
  {
    id: "js-buffers",
    covers: ["PUB-MEM-01"],
    wants: "ten times its memory in buffers",
    code: `const keep = []; for (let i = 0; i < 640; i++) { keep.push(new Uint8Array(1 << 20).fill(1)); if (i % 20 === 0) await null } return ${CLAIMED} + keep.length`,
    limits: { timeoutMs: 8_000 },
    ends: TOO_MUCH,
    trips: ["claim"],
  },
  {
    id: "js-heap-for-ever",
    covers: ["PUB-MEM-01"],
    wants: "all memory that there is, until its time is over",
    code: "const keep = []; for (let i = 0; ; i++) keep.push({ i, text: 'x' + i, list: [i] })",
    ends: TOO_MUCH,
    trips: ["no_end", "next_run"],
  },
  {
    id: "js-stack",
    covers: ["PUB-MEM-04"],
    wants: "the engine's own stack",
    code: `const bomb = "[".repeat(3e5) + "]".repeat(3e5), out = []; const nest = () => { let o = {}; for (let i = 0; i < 2e5; i++) o = { o }; return o };
for (const act of [() => JSON.parse(bomb), () => (0, eval)(bomb), () => RegExp("(?:".repeat(5e4) + ")".repeat(5e4)), function r() { return Reflect.apply(r, this, arguments) }, () => { const p = new Proxy({}, { has: (t, k) => k in p }); return 1 in p }, () => JSON.stringify(nest()), () => String(Object.assign(() => 0, { toString() { return "" + this } })), () => { const e = { get stack() { return this.stack } }; return e.stack }, () => [1].sort.call({ length: 2, get 0() { return [1].sort.call(this) } })]) { try { act(); out.push("ok") } catch (e) { out.push(e?.name) } } return out`,
    limits: { timeoutMs: 5_000 },
    ends: new RegExp(`${INERT.source}|${TOO_MUCH.source}`),
    trips: "V8 answers all of it with a RangeError.",
    differs: RECURSION,
  },
  {
    id: "js-timers-and-threads",
    covers: ["PUB-TMR-01"],
    wants: "timers and threads that nobody ends",
    code: "for (let i = 0; i < 20000; i++) setTimeout(() => { for (let j = 0; j < 3; j++) setTimeout(() => 0, 0) }, 0); if (typeof Worker !== 'undefined') for (let i = 0; i < 2; i++) { try { new Worker(URL.createObjectURL(new Blob(['for(;;);']))) } catch {} } await new Promise(() => {})",
    ends: TOO_MUCH,
    trips: ["no_end"],
  },
  {
    id: "js-late-calls",
    covers: ["PUB-ZOM-01"],
    wants: "calls after its end",
    code: "const go = async () => { for (;;) { tools.page.echo({ late: NONCE }).catch(() => {}); await new Promise((r) => setTimeout(r, 20)) } }; go(); for (;;) await new Promise((r) => setTimeout(r, 10))",
    ends: TOO_MUCH,
    trips: ["no_end", "late_calls"],
  },
  {
    id: "js-late-calls-after-return",
    covers: ["PUB-ZOM-01"],
    wants: "calls after its value",
    code: "const go = async () => { for (let i = 0; i < 30; i++) { try { await tools.page.echo({ late: i }) } catch {} await new Promise((r) => setTimeout(r, 15)) } }; go(); setTimeout(() => tools.page.echo({ late: 99 }), 40); return 'done'",
    trips: ["late_calls"],
  },
  {
    id: "js-bad-arguments",
    covers: ["PUB-RPC-09"],
    wants: "a tool to get what its schema forbids",
    code: "const out = []; for (const args of [{}, { v: 5 }, { v: 'x'.repeat(21) }, { v: 'x', more: 1 }, { v: ['x'] }, { v: { toJSON: () => 7 } }, [], 'v', { v: null }, JSON.parse('{\"__proto__\":{\"v\":\"x\"}}'), Object.create({ v: 'x' })]) { try { await tools.page.strict(args); out.push('came') } catch (e) { out.push(e.kind) } } return out",
    trips: ["bad_call"],
  },
  {
    id: "js-too-many-calls",
    covers: ["PUB-CALL-01"],
    wants: "more calls than it may make",
    code: "let n = 0; for (let i = 0; i < 8; i++) n += (await Promise.allSettled(Array.from({ length: 50 }, () => tools.page.echo({ n: i })))).length; return n",
    ends: TOO_MUCH,
    trips: ["over_limit"],
  },
];
