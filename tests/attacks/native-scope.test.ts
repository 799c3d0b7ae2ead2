// The attacker's program runs in the browser's own engine, in a worker's own realm. He wants any name
// that leads out of it: he walks everything that he can reach.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { native } from "../../src/sandbox/browser/native.ts";
import { NESTED_WORKERS } from "../suites/differences.ts";
import { skipAllWhere } from "../suites/skips.ts";
import walk from "./payloads/scope-reach.js?raw";
import { benignValue, endOf, openTarget, type Target } from "./setup/target.ts";

skipAllWhere(NESTED_WORKERS);

const frame = new SandboxFrame();
let target: Target;
beforeAll(async () => {
  target = await openTarget({ frame, sandboxes: [native({ frame })] });
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await frame[Symbol.asyncDispose]();
});

/** What a worker holds that leads out of it: network, storage, threads, messages, code, events. */
const AUTHORITY =
  "fetch XMLHttpRequest WebSocket WebSocketStream EventSource WebTransport importScripts Worker SharedWorker BroadcastChannel " +
  "MessageChannel MessagePort postMessage onmessage addEventListener removeEventListener dispatchEvent EventTarget Event close " +
  "indexedDB IDBFactory caches CacheStorage navigator WorkerNavigator location WorkerLocation createObjectURL revokeObjectURL " +
  "Blob File FileReader FileReaderSync FontFace fonts ReadableStream WritableStream TransformStream Request Response Headers " +
  "WebAssembly SharedArrayBuffer Atomics SubtleCrypto subtle Notification OffscreenCanvas ImageBitmap createImageBitmap " +
  "reportError scheduler trustedTypes StorageManager FileSystemHandle LockManager Performance PerformanceObserver " +
  "DedicatedWorkerGlobalScope WorkerGlobalScope startProgram";
const NAMES = AUTHORITY.split(" ");

interface Reach {
  readonly found: readonly string[];
  readonly visited: number;
}

const CODE = `${walk}\nreturn findAuthority(${JSON.stringify(NAMES)});`;

describe("a walk through everything that a program can reach", () => {
  test("finds no name that leads out", async () => {
    const result = await target.run(CODE, { maxTokens: 100_000 });
    if (result.status !== "returned") throw new Error(`${endOf(result)} ${JSON.stringify(result)}`);
    const { found, visited } = result.value as unknown as Reach;
    expect(found).toEqual([]);
    expect(visited).toBeGreaterThan(500);
    expect(await benignValue(target)).toBe(42);
  });

  test("control: in a worker whose scope is full the same walk finds nearly all of them", async () => {
    const { found } = await inPlainWorker();
    const names = new Set(found.map((path) => path.slice(path.lastIndexOf(".") + 1)));
    expect(NAMES.filter((name) => names.has(name)).length).toBeGreaterThan(40);
    expect([...names]).toEqual(
      expect.arrayContaining(["fetch", "postMessage", "addEventListener", "Worker"]),
    );
  });
});

describe("a program that reaches for what was there", () => {
  test.for([
    [
      "by deleting what covers it",
      "delete globalThis.crypto; delete globalThis.setTimeout; delete globalThis.console; delete globalThis.performance; return [typeof crypto, typeof setTimeout, typeof console, typeof performance]",
    ],
    [
      "by the prototypes of the scope",
      "const found = []; for (let at = globalThis; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) found.push(typeof at.fetch, typeof at.postMessage, typeof at.self, at.constructor === Object ? 'undefined' : 'another'); return [...new Set(found)]",
    ],
    [
      "by a getter's receiver",
      "return [typeof Reflect.get(Object.getPrototypeOf(globalThis), 'crypto', globalThis), typeof Reflect.get(Object.getPrototypeOf(globalThis), 'self', globalThis)]",
    ],
  ] as const)("%s", async ([, code]) => {
    const result = await target.run(code);
    expect(result.status === "returned" ? [...new Set(result.value as string[])] : result).toEqual([
      "undefined",
    ]);
  });

  test("cannot end another run, nor speak for it: its worker's messages are numbered and counted", async () => {
    const other = target.run("await tools.page.echo({}); return 'other'");
    await target.run("Promise.prototype.then = (done) => { done('forged'); done('again') }; return 1");
    expect(await other).toMatchObject({ status: "returned", value: "other" });
  });
});

async function inPlainWorker(): Promise<Reach> {
  const source = `${walk}\npostMessage(findAuthority(${JSON.stringify(NAMES)}));`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return new Promise<Reach>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Reach>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  }).finally(() => worker.terminate());
}
