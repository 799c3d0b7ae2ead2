// The guest's side of a native run: the first part of the script of the worker that the program is the
// last part of. It takes what it needs, empties the scope, and only then lets the program begin. The
// program shares this realm: nothing here is a boundary.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { MAX_TARGET_CHARACTERS } from "../protocol/guest-protocol.ts";
import { watchBuffers } from "./buffer-watch.ts";
import { emptyScope } from "./empty-scope.ts";
import { install, type Prelude } from "./guest-prelude.js";
import type { LongestTexts, NativeCommand, NativeMessage } from "./native-messages.ts";

/** What a program may use of the browser's own: none of it leads out. */
const KEPT: ReadonlySet<string> = new Set([
  "DOMException",
  "TextDecoder",
  "TextEncoder",
  "URL",
  "URLSearchParams",
  "atob",
  "btoa",
  "queueMicrotask",
  "structuredClone",
]);

const postMessage = self.postMessage.bind(self);
const post = (message: NativeMessage): void => postMessage(message);
const getRandomValues = crypto.getRandomValues.bind(crypto);
const now = performance.now.bind(performance);
let prelude: Prelude | undefined;
let program: (() => Promise<unknown>) | undefined;
let calls = 0;
let timers = 0;
let longest: LongestTexts = { outputCharacters: 0, argsCharacters: 0, thrownCharacters: 0 };

self.onmessage = ({ data }: MessageEvent<NativeCommand>) => {
  if (prelude !== undefined && program !== undefined) handle(prelude, program, data);
};

function handle(guest: Prelude, run: () => Promise<unknown>, command: NativeCommand): void {
  switch (command.type) {
    case "begin":
      longest = command.longest;
      guest.begin(command.inputs, command.settings);
      return guest.watch(run());
    case "deliver":
      // The program may have changed how lists are walked.
      for (let at = 0; at < command.deliveries.length; at += 1) {
        const delivery = command.deliveries[at];
        if (delivery === undefined) continue;
        guest.deliver(delivery.id, delivery.ok, delivery.payload, delivery.hasBytes);
      }
      return;
    case "fire":
      return guest.fire(command.timer);
    case "rest":
      // A task of its own: every promise job of the tasks before it has run.
      return post({ type: "rest", turn: command.turn });
    default:
      return command satisfies never;
  }
}

/** The text, or so much of it that the runtime sees that it is too long. */
function cut(text: string, characters: number): string {
  return text.length > characters ? text.slice(0, characters + 1) : text;
}

function furnish(): Prelude {
  Object.defineProperty(globalThis, "performance", {
    value: Object.freeze({ now: () => now() }),
    writable: true,
    configurable: true,
  });
  const installed = install({
    call(operation, target, args) {
      calls += 1;
      post({
        type: "call",
        id: calls,
        operation,
        target: cut(target, MAX_TARGET_CHARACTERS),
        args: cut(args, longest.argsCharacters),
      });
      return calls;
    },
    log: (level, text) => post({ type: "log", level, text: cut(text, longest.outputCharacters) }),
    settle(status, json) {
      const characters = status === "returned" ? longest.outputCharacters : longest.thrownCharacters;
      post({ type: "settle", status, json: cut(json, characters) });
    },
    sleep(ms) {
      timers += 1;
      post({ type: "sleep", timer: timers, ms });
      return timers;
    },
    wake: (timer) => post({ type: "wake", timer }),
    random: (bytes) => getRandomValues(new Uint8Array(bytes)),
    decodeBytes(base64) {
      try {
        return decodeBase64(base64);
      } catch {
        return undefined;
      }
    },
    encodeBytes: encodeBase64,
  });
  // Last: the prelude took the browser's own constructors.
  watchBuffers((bytes) => post({ type: "buffers", bytes }));
  return installed;
}

const stayed = [
  ...emptyScope(KEPT),
  ...["createObjectURL", "revokeObjectURL"].filter((name) => !Reflect.deleteProperty(URL, name)),
];
if (stayed.length > 0) post({ type: "unfit", names: stayed.join(", ") });
else prelude = furnish();

// The rest of the script is a call of this, with the program as a function.
Object.defineProperty(globalThis, "startProgram", {
  value(run: () => Promise<unknown>): void {
    program = run;
    Reflect.deleteProperty(globalThis, "startProgram");
  },
  configurable: true,
});
