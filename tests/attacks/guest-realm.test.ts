// The attacker's program wants out of its VM: to names of the worker or the page, to the functions
// behind `tools`, to the page's objects through what crosses.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCanary } from "./setup/canary.ts";
import { type Engine, onEveryEngine } from "./setup/engines.ts";
import { benignValue, type Target } from "./setup/target.ts";

/** What the language has, as any realm of the browser has it too. */
const LANGUAGE =
  "AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError " +
  "FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Iterator JSON Map " +
  "Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String Symbol SyntaxError " +
  "TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent " +
  "encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape";
/** What the engine adds to it, none of which leads out. */
const ENGINE =
  "DOMException InternalError SuppressedError DisposableStack AsyncDisposableStack performance queueMicrotask atob btoa";
const OURS = "ToolError clearTimeout console context crypto inputs params setTimeout tools";
const WEB = "TextDecoder TextEncoder URL URLSearchParams structuredClone Headers";
/** The browser's engine has more of the language, the web's names always, and two numbers that can't be deleted. */
const BROWSER = `${WEB} Intl Temporal TEMPORARY PERSISTENT`;
const allowedOn = ({ name }: Engine): ReadonlySet<string> =>
  new Set(`${LANGUAGE} ${ENGINE} ${OURS} ${name === "native" ? BROWSER : ""}`.split(" "));

/** What a realm with the world around it would show. */
const WORLD =
  "fetch XMLHttpRequest WebSocket EventSource WebTransport RTCPeerConnection navigator location self window document parent top frames " +
  "opener process require module global Deno Bun importScripts indexedDB caches localStorage sessionStorage cookieStore Worker SharedWorker " +
  "BroadcastChannel MessageChannel MessagePort postMessage onmessage addEventListener close Blob FileReader Image WebAssembly std os bjson " +
  "print load scriptArgs quickjs host __host call settle $262 gc";

const LIST =
  "return Object.getOwnPropertyNames(globalThis).concat(Object.keys(Object.getPrototypeOf(globalThis)))";

const ways: readonly (readonly [from: string, path: string])[] = [
  ["this", "this"],
  ["a sloppy function's this", "(function () { return this })()"],
  ["eval", "(0, eval)('globalThis')"],
  ["Function", "Function('return globalThis')()"],
  ["an async function's constructor", "await (async () => {}).constructor('return globalThis')()"],
  ["a generator's constructor", "(function* () {}).constructor('return globalThis')().next().value"],
  [
    "the constructor of tools",
    "(() => { try { return tools.constructor.constructor('return globalThis')() } catch { return globalThis } })()",
  ],
  ["a tool's constructor", "await tools.page.echo.constructor('return globalThis')()"],
  ["a tool's promise", "tools.page.echo({}).constructor.constructor('return globalThis')()"],
  ["a tool's value", "(await tools.page.echo({ a: 1 })).constructor.constructor('return globalThis')()"],
  [
    "a failed tool's error",
    "await tools.page.fail({}).catch((e) => e.constructor.constructor('return globalThis')())",
  ],
  [
    "its prototype's prototype",
    "await tools.page.fail({}).catch((e) => Object.getPrototypeOf(Object.getPrototypeOf(e)).constructor.constructor('return globalThis')())",
  ],
  ["the console", "console.log.constructor('return globalThis')()"],
  ["the clock", "setTimeout.constructor('return globalThis')()"],
  ["the context", "await context.get.constructor('return globalThis')()"],
  ["the inputs", "inputs.constructor.constructor('return globalThis')()"],
  [
    "bytes from outside",
    "crypto.getRandomValues(new Uint8Array(4)).buffer.constructor.constructor('return globalThis')()",
  ],
  [
    "a species",
    "(() => { class A extends Array { static get [Symbol.species]() { return Function } } return globalThis })()",
  ],
  [
    "the caller",
    "(function f() { try { return f.caller.constructor('return globalThis')() } catch { return globalThis } })()",
  ],
  [
    "an error of the engine",
    "(() => { try { null.x } catch (e) { return e.constructor.constructor('return globalThis')() } })()",
  ],
  [
    "an error of the stack",
    "(() => { const f = () => f() + 1; try { f() } catch (e) { return e.constructor.constructor('return globalThis')() } })()",
  ],
  [
    "frames of the stack",
    "(() => { let found; Error.prepareStackTrace = (_e, frames) => { found = frames; return '' }; void new Error('x').stack; const f = [].concat(found ?? []).map((frame) => frame.getFunction?.()).find((one) => typeof one === 'function'); return f ? f.constructor('return globalThis')() : globalThis })()",
  ],
  ["a thenable of a tool", "await ({ then(done) { done(globalThis) } })"],
];

onEveryEngine((engine) => {
  let target: Target;
  beforeAll(async () => {
    target = await engine.open();
  });
  afterAll(() => target[Symbol.asyncDispose]());

  const resultOf = async (code: string): Promise<unknown> => {
    const result = await target.run(code, { maxTokens: 50_000 });
    return result.status === "returned" ? result.value : result;
  };

  describe("the names that a program finds", () => {
    test("are those of the language and ours, and no other", async () => {
      const names = (await resultOf(LIST)) as string[];
      expect(names.filter((name) => !allowedOn(engine).has(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(OURS.split(" ")));
    });

    test("are a few of the web's when it asks for them, and no other", async () => {
      const names = (await resultOf(`${LIST} // URL structuredClone TextEncoder`)) as string[];
      expect(names.filter((name) => !allowedOn(engine).has(name) && !WEB.split(" ").includes(name))).toEqual(
        [],
      );
    });

    test("are none of the world's", async () => {
      const world = WORLD.split(" ");
      expect(
        await resultOf(`return ${JSON.stringify(world)}.filter((name) => globalThis[name] !== undefined)`),
      ).toEqual([]);
      // Control: the same list in the page finds the world.
      expect(world.filter((name) => name in globalThis).length).toBeGreaterThan(30);
    });
  });

  describe("the realm that a program can name", () => {
    test.for(ways)("from %s is its own", async ([, path]) => {
      const found = await resultOf(
        `globalThis.mark = 'mine'; let found; try { found = ${path} } catch (error) { return error.name } return [found === globalThis, found.mark, typeof found.fetch, typeof found.process, typeof found.postMessage]`,
      );
      // Under the frame's policy the browser's engine makes no code from text at all.
      const isRefused =
        engine.name === "native" && /eval|'return globalThis'/.test(path) && found === "EvalError";
      if (!isRefused) expect(found).toEqual([true, "mine", "undefined", "undefined", "undefined"]);
    });

    test("control: the same paths in the page find the page", async () => {
      const found = new Function("return globalThis")() as typeof globalThis;
      expect([typeof found.fetch, typeof found.postMessage]).toEqual(["function", "function"]);
    });
  });

  describe("code from elsewhere", () => {
    test("is not imported, and nothing asks for it", async () => {
      const canary = openCanary();
      const specifiers = [
        `${canary.http}import`,
        "data:text/javascript,export default 42",
        "blob:null/1",
        "node:fs",
        "std",
        "os",
        "qjs:std",
        "./x.js",
        "/etc/passwd",
      ];
      const outcomes = await resultOf(
        `const out = []; for (const s of ${JSON.stringify(specifiers)}) { try { await import(s); out.push('imported') } catch (e) { out.push('refused') } try { await eval('import(s)'); out.push('imported') } catch { out.push('refused') } } return out`,
      );
      expect(outcomes).toEqual(specifiers.flatMap(() => ["refused", "refused"]));
      const control = openCanary();
      await import(/* @vite-ignore */ `${control.http}import`);
      expect(await control.hits("import")).toEqual(["import"]);
      expect(await canary.hits()).toEqual([]);
    });
  });

  describe("what crosses", () => {
    test("are texts: no getter, trap or thenable of a guest runs on the page", async () => {
      const code = `
      const log = [];
      const values = [
        { then(done) { log.push('then'); done(1) } },
        { get a() { log.push('get'); return 1 } },
        new Proxy({}, { get(_t, k) { log.push(String(k)); return undefined } }),
        new (class A { constructor() { this.b = 2 } })(),
      ];
      const out = [];
      for (const v of values) out.push(await tools.page.echo({ v }).then((x) => typeof x, (e) => e.name));
      return out`;
      const called = target.calls.length;
      expect(await resultOf(code)).toHaveLength(4);
      for (const { args } of target.calls.slice(called)) {
        expect(Object.getPrototypeOf(args)).toBe(Object.prototype);
        expect(JSON.parse(JSON.stringify(args))).toEqual(args);
      }
    });

    test.for([
      "() => 1",
      "Symbol('s')",
      "10n",
      "new Promise(() => {})",
      "(() => { const a = {}; a.a = a; return a })()",
      "new WeakMap()",
      "NaN",
      "new Map([[{}, 1]])",
      "undefined",
    ])("never reaches a tool as more than JSON: %s", async (value) => {
      const called = target.calls.length;
      await resultOf(`try { await tools.page.echo({ v: ${value} }) } catch (e) { return e.name }`);
      for (const { args } of target.calls.slice(called))
        expect(JSON.parse(JSON.stringify(args))).toEqual(args);
      expect(await benignValue(target)).toBe(42);
    });

    test("shows nothing of ours: no path, no address, no frame of the page", async () => {
      const texts = JSON.stringify([
        await resultOf(
          "try { await tools.page.fail({}) } catch (e) { return [e.stack, e.message, JSON.stringify(e), String(e)] }",
        ),
        await resultOf("return new Error('x').stack"),
        await resultOf(
          "Error.prepareStackTrace = (e, f) => JSON.stringify([].concat(f).map((x) => [x.getFileName?.(), x.getFunctionName?.()])); return String(new Error('x').stack)",
        ),
        await target.run("throw new Error('x')"),
        await target.run("await tools.page.fail({})"),
        await target.run("await tools.nobody.nothing({})"),
      ]);
      // A stack's frames tell the address of the worker's script, which was revoked before it ran.
      const shown = engine.name === "native" ? texts.replaceAll(/blob:null\/[0-9a-f-]{36}/g, "") : texts;
      expect(shown).not.toMatch(
        /https?:|file:|blob:|\/src\/|\/work\/|node_modules|\.ts:|localhost|127\.0\.0\.1/,
      );
      // Control: an error of the page shows where it comes from.
      expect(new Error("x").stack).toMatch(/https?:/);
    });
  });

  describe("a program that changes its own world", () => {
    const TAMPER = `
    const leak = (...args) => { globalThis.stolen ??= []; globalThis.stolen.push(args.length); };
    for (const proto of [Object.prototype, Array.prototype, Promise.prototype, Map.prototype, String.prototype, Function.prototype, Error.prototype]) {
      for (const name of Object.getOwnPropertyNames(proto)) {
        if (name === 'constructor') continue;
        try { const before = proto[name]; if (typeof before === 'function') proto[name] = function (...args) { leak(...args); return before.apply(this, args) } } catch {}
      }
    }
    Object.prototype.polluted = 'LEAKED';
    Object.defineProperty(Object.prototype, 'ok', { get() { return true }, set(v) { leak(v) }, configurable: true });
    Array.prototype[Symbol.iterator] = function* () { yield 'LEAKED' };
    JSON.stringify = () => '{"forged":"LEAKED"}';
    JSON.parse = () => ({ forged: 'LEAKED' });
    Promise = class extends Promise { constructor(f) { super((a, b) => { leak(a, b); f(a, b) }) } };
    Reflect.apply = Map = Set = Error = Date = Uint8Array = undefined;
  `;

    test("harms itself at most: the page and the next run are as before", async () => {
      const before = [Object.keys(Object.prototype), JSON.stringify([1]), [1, 2].map((x) => x)];
      const called = target.calls.length;
      await target.run(`${TAMPER}; try { await tools.page.echo({ a: 1 }) } catch {} return { x: 1 }`, {
        limits: { timeoutMs: 2_000 },
      });
      for (const { args } of target.calls.slice(called))
        expect(JSON.parse(JSON.stringify(args))).toEqual(args);
      expect([Object.keys(Object.prototype), JSON.stringify([1]), [1, 2].map((x) => x)]).toEqual(before);
      expect(Reflect.get({}, "polluted")).toBeUndefined();
      expect(
        await resultOf(
          "return [typeof globalThis.stolen, ({}).polluted ?? null, JSON.stringify([1]), [1].map((x) => x + 1)[0], typeof Map]",
        ),
      ).toEqual(["undefined", null, "[1]", 2, "function"]);
      expect(await benignValue(target)).toBe(42);
    });

    test("cannot make its own end count twice, nor another's", async () => {
      const results = await Promise.all([
        target.run(
          "Promise.prototype.then = function (done) { for (let i = 0; i < 5; i++) done('forged ' + i) }; return 'mine'",
        ),
        target.run("await tools.page.echo({}); return 'other'"),
      ]);
      expect(results[1]).toMatchObject({ status: "returned", value: "other" });
      expect(["mine", "forged 0"]).toContain(results[0].status === "returned" ? results[0].value : "");
    });

    test("control: in one realm for all, the same change is there in the next run", () => {
      try {
        new Function("Object.prototype.polluted = 'LEAKED'")();
        expect(new Function("return ({}).polluted")()).toBe("LEAKED");
      } finally {
        Reflect.deleteProperty(Object.prototype, "polluted");
      }
    });
  });
});
