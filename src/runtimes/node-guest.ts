// The program's own side in a Node process. Nothing here is a boundary: the program shares this
// thread, may change every global, and has all of Node. Whoever is outside of the process checks again.

import { createRequire } from "node:module";
import path from "node:path";
import { Readable } from "node:stream";
import vm from "node:vm";
import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import type { GuestOperation, LogLevel, NumberedReply } from "../protocol/guest-protocol.ts";
import prelude from "./guest-prelude.js?raw";

/** What the prelude takes and what it gives; see its file. */
interface Bridge {
  begin(inputs: string, settings: string): void;
  watch(promise: Promise<unknown>): void;
  deliver(id: number, ok: boolean, payload: string, hasBytes: boolean): void;
}

/** The prelude's globals that take the place of Node's own, or come beside them. */
const GLOBALS = ["tools", "context", "ToolError"] as const;

/** How long after a call, and how often, it is looked whether the program only waits. Milliseconds. */
const LOOK_MS = 1;
const LOOK_AGAIN_MS = 10;

/** The program, seen from who serves it. */
export interface NodeGuest {
  start(program: GuestProgram): void;
  deliver(replies: readonly NumberedReply[]): void;
}

export interface GuestProgram {
  /** An expression whose value is the promise of the program's value. */
  readonly source: string;
  /** The name that stands in stacks. */
  readonly filename: string;
  /** JSON text. */
  readonly inputs: string;
  readonly namespaces: readonly string[];
}

/** What a program does. The program shares its thread with our code and may forge all of it. */
export interface GuestEvents {
  /** Returns the call's number. */
  call(operation: GuestOperation, target: string, args: string): number;
  log(level: LogLevel, text: string): void;
  /** Its promise settled: `returned` with JSON text, or `threw` with JSON text of the error. */
  settled(status: string, json: string): void;
  /** Nothing but a reply can wake it. */
  waits(): void;
  /** Nothing at all can wake it any more. */
  drained(): void;
  /** It ends its process. */
  exits(code: number): void;
}

export type OpenGuest = (events: GuestEvents) => NodeGuest;

/** Makes this process that of its one program. */
export function openGuest(events: GuestEvents): NodeGuest {
  // The program may change them later.
  const { setTimeout, setImmediate } = globalThis;
  const { stringify } = JSON;
  const { stdin } = process;
  const findResources = process.getActiveResourcesInfo.bind(process);
  let own = 0;
  let pending = 0;
  let looking = false;

  // Timers that hold nothing open: only the program's own decide whether it is done.
  const look = (): void => {
    looking = false;
    if (pending === 0) return;
    if (findResources().length <= own) events.waits();
    else lookIn(LOOK_AGAIN_MS);
  };
  const lookIn = (ms: number): void => {
    if (!looking) setTimeout(look, ms).unref();
    looking = true;
  };

  const streams = [capture(process.stdout, "log", events), capture(process.stderr, "error", events)];
  const flush = (): void => {
    for (const flushStream of streams) flushStream();
  };
  const scope: Record<string, unknown> = {};
  const bridge = install(scope, {
    call(operation, target, args) {
      const id = events.call(operation, target, args);
      pending += 1;
      stdin.ref();
      lookIn(LOOK_MS);
      return id;
    },
    log: (level, text) => events.log(level, text),
    settle(status, json) {
      flush();
      events.settled(status, json);
    },
    decodeBytes: decodeBase64,
    encodeBytes: encodeBase64,
  });
  for (const name of GLOBALS) define(name, scope[name]);
  // What our console does not have goes on to Node's, which writes to the captured streams.
  define("console", Object.setPrototypeOf(scope["console"], console));
  // The commands are not the program's to read.
  const nothing = Readable.from([]);
  Object.defineProperty(process, "stdin", { get: () => nothing, configurable: true });

  // As in every sandbox of ours: an error in a callback ends the program, a promise that nobody
  // looks at does not. Warnings are Node's talk with its user, whom nobody has here.
  process.on("uncaughtException", (error) => bridge.watch(Promise.reject(error)));
  process.on("unhandledRejection", () => {});
  process.on("beforeExit", () => events.drained());
  process.on("exit", (code) => {
    flush();
    events.exits(code);
  });
  process.removeAllListeners("warning");

  return {
    start({ source, filename, inputs, namespaces }) {
      own = findResources().length;
      // From now on the program alone keeps its process alive.
      stdin.unref();
      bridge.begin(inputs, JSON.stringify({ namespaces, seed: [0, 0, 0, 0] }));
      define("inputs", scope["inputs"]);
      define("params", scope["params"]);
      try {
        const program = vm.compileFunction(`return ${source}`, ["require"], {
          filename,
          importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
        });
        const require = createRequire(path.join(process.cwd(), filename));
        const value: Promise<unknown> = Reflect.apply(program, undefined, [require]);
        bridge.watch(value);
      } catch (error) {
        // Acorn takes a few programs that V8 does not.
        bridge.watch(Promise.reject(error));
      }
    },
    deliver(replies) {
      for (const reply of replies) {
        pending -= 1;
        if (reply.ok) bridge.deliver(reply.id, true, reply.json, reply.bytes === true);
        else bridge.deliver(reply.id, false, stringify(reply.error), false);
      }
      if (pending > 0) lookIn(LOOK_MS);
      // Later: what the program does with the replies may be another call.
      else setImmediate(() => pending === 0 && stdin.unref());
    },
  };
}

interface BridgeHost {
  call(operation: GuestOperation, target: string, args: string): number;
  log(level: LogLevel, text: string): void;
  settle(status: string, json: string): void;
  decodeBytes(base64: string): Uint8Array | undefined;
  encodeBytes(bytes: Uint8Array): string;
}

/**
 * Runs the prelude with `scope` in place of the globals that it would define. Node keeps its own
 * timers, random numbers, `crypto` and `URL`, which are richer than what a bare VM needs.
 */
function install(scope: Record<string, unknown>, host: BridgeHost): Bridge {
  const load = vm.compileFunction(`${prelude.replace(/^export /m, "")}\nreturn install;`, [
    "globalThis",
    "Math",
    "URL",
  ]);
  const loaded: (host: BridgeHost) => Bridge = Reflect.apply(load, undefined, [scope, {}, undefined]);
  return loaded(host);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

/**
 * Makes the lines that are written to a stream logs, in the order of everything else.
 * Returns what logs an unfinished line.
 */
function capture(stream: NodeJS.WriteStream, level: LogLevel, events: Pick<GuestEvents, "log">): () => void {
  let rest = "";
  stream.write = (chunk: Uint8Array | string, ...more: unknown[]): boolean => {
    const lines = (rest + (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString())).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) events.log(level, text);
    const done = more.findLast((value) => typeof value === "function");
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  return () => {
    if (rest !== "") events.log(level, rest);
    rest = "";
  };
}
