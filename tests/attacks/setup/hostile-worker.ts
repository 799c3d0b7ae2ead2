// Workers of an attacker: as if a guest had broken out of the engine and its instance and ran any
// JavaScript in the worker. They start through the real frame and speak to the real page side.

import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { quickjs } from "../../../src/sandbox/browser/quickjs.ts";
import { runGuest } from "../../../src/sandbox/guest-run.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { openTarget, type Target } from "./target.ts";

/**
 * A worker that says it is ready, and at a run does what `onRun` says. It may use `say(message)`,
 * `post(anything)`, `turn({ calls, logs, idle })`, `done(value)`, `call(id, target, args)`, `run` (the
 * run's id), `replies` (an array that fills), `next(count)`, which waits for so many replies, and `asked`,
 * which resolves when the page asks to freeze the guest.
 */
export function hostileSource(onRun: string, onBoot = 'say({ type: "ready" });', prelude = ""): string {
  return `${prelude}
const post = (data) => self.postMessage(data);
const say = (message) => post(JSON.stringify(message));
const replies = [];
let wake = () => {};
let ask = () => {};
const asked = new Promise((resolve) => { ask = resolve; });
const next = async (count) => { while (replies.length < count) await new Promise((resolve) => { wake = resolve; }); };
self.onmessage = ({ data }) => {
  if (data.type === "boot") { ${onBoot} return; }
  const { command } = data;
  if (command === undefined) return;
  if (command.type === "replies") { replies.push(...command.replies); wake(); return; }
  if (command.type === "freeze") { ask(command); return; }
  const { run } = command;
  const turn = (content) => say({ type: "turn", run, idle: false, calls: [], logs: [], ...content });
  const done = (value, more) => say({ type: "done", run, outcome: { status: "returned", json: JSON.stringify(value) }, logs: [], peakMemoryBytes: 0, ...more });
  const call = (id, target, args = {}) => ({ id, operation: "tool", target, args: JSON.stringify(args) });
  (async () => { ${onRun} })();
};`;
}

export interface HostileTarget extends Target {
  readonly frame: SandboxFrame;
  /** Runs the next attack: the language `javascript` is served by a fresh worker with this source. */
  attack(source: string): void;
}

/** An engine whose `javascript` programs run in hostile workers, and whose `typescript` ones in QuickJS. */
export async function openHostileTarget(frame = new SandboxFrame()): Promise<HostileTarget> {
  let source = "";
  let kinds = 0;
  const hostile: Sandbox = {
    traits: {
      name: "hostile",
      languages: ["javascript"],
      enforces: { time: "hard", memory: "none", network: "hard", storage: "hard" },
      freezes: false,
      keepsGlobals: false,
    },
    prepare: async () => {},
    open: (_session, limits) => ({
      async run(program, port, signal) {
        kinds += 1;
        const worker = await frame.spawn(`hostile-${kinds}`, async () => ({
          source,
          modules: {},
          files: {},
        }));
        const outcome = await runGuest(worker, `r${kinds}`, program, port, limits, signal);
        worker.kill();
        return outcome;
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {},
  };
  const engine = quickjs({ frame });
  const target = await openTarget({ frame, sandboxes: [hostile, engine] });
  return {
    ...target,
    frame,
    attack(text) {
      source = text;
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await frame[Symbol.asyncDispose]();
    },
  };
}
