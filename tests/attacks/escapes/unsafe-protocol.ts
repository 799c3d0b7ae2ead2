// The page's side of our protocol as one would write it in an hour: it believes what a worker says.

import { hostileSource } from "../setup/hostile-worker.ts";
import type { PlantedSecrets } from "../setup/planted-secrets.ts";
import type { ToolCall } from "./executor.ts";
import type { UnsafeExecutor } from "./unsafe-suite.ts";

/** How long a run is waited for, which nobody ends. Milliseconds. */
const PATIENCE_MS = 1_500;

interface Call {
  readonly id: unknown;
  readonly operation: string;
  readonly target: string;
  readonly args: string;
  readonly session?: string;
}

interface Message {
  readonly type: "ready" | "turn" | "done" | "usage";
  readonly run: string;
  readonly calls: readonly Call[];
  readonly logs: readonly { readonly text: string }[];
  readonly outcome: { readonly status: string; readonly json?: string };
}

export async function openUnsafeProtocol(planted: PlantedSecrets): Promise<UnsafeExecutor> {
  const calls: ToolCall[] = [];
  const record = (tool: string) => (args: unknown) => {
    calls.push({ tool, args });
    return args;
  };
  const tools: Record<string, (args: unknown) => unknown> = {
    "page.echo": record("echo"),
    "page.strict": record("strict"),
  };
  const contexts: Record<string, Record<string, unknown>> = { victim: { private: planted.secret } };
  const state: Record<string, unknown> = {};
  let worker: Worker | undefined;

  return {
    language: "javascript",
    calls,
    prepare: async () => {},
    async run(code, { limits, session }) {
      const started = performance.now();
      // The run after the attack is the page's own: what is asked is whether the page still works.
      if (session !== "attacker") {
        const args = { mark: "benign-next" };
        return { end: "returned", value: JSON.parse(JSON.stringify(args)).mark, output: "", logs: [], ms: 0 };
      }
      worker?.terminate();
      const logs: string[] = [];
      const ends: Message["outcome"][] = [];
      const url = URL.createObjectURL(new Blob([hostileSource(code)], { type: "text/javascript" }));
      const current = new Worker(url);
      worker = current;
      const ended = Promise.withResolvers<void>();
      current.onmessage = ({ data }: MessageEvent<string>) => {
        const message: Message = JSON.parse(data);
        merge(state, message as unknown as Record<string, unknown>);
        switch (message.type) {
          case "ready":
            return current.postMessage({ command: { type: "run", run: "r9" } });
          case "turn":
            for (const { text } of message.logs) logs.push(text);
            for (const { id, operation, target, args, session: claimed = session } of message.calls) {
              const tool =
                operation === "tool"
                  ? tools[target]
                  : (key: unknown) => contexts[claimed]?.[String(Reflect.get(Object(key), "key"))];
              if (tool === undefined) throw new Error(`no tool ${target}`);
              const json = JSON.stringify(tool(JSON.parse(args)) ?? null);
              current.postMessage({ command: { type: "replies", replies: [{ id, ok: true, json }] } });
            }
            return;
          case "done":
            logs.length = Math.min(logs.length, 1_000);
            ends.push({ ...message.outcome, status: message.outcome.status.toString() });
            return ended.resolve();
          default:
            throw new Error(`unknown ${message.type}`);
        }
      };
      current.postMessage({ type: "boot" });
      const late = new Promise<void>((resolve) => setTimeout(resolve, limits.timeoutMs + PATIENCE_MS));
      await Promise.race([ended.promise, late]);
      // More ends may come.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const [first] = ends;
      const ms = performance.now() - started;
      const settled = Math.max(1, ends.length);
      if (first === undefined) return { end: "no answer", output: "", logs, ms, settled };
      const value: unknown = first.json === undefined ? undefined : JSON.parse(first.json);
      return {
        end: first.status,
        value,
        output: JSON.stringify([first, logs.slice(0, 10)]),
        logs,
        ms,
        settled,
      };
    },
    // Every attack gets a worker of its own; what it did to prototypes is undone here.
    async renew() {
      worker?.terminate();
      forgetPollution();
    },
    async [Symbol.asyncDispose]() {
      forgetPollution();
      worker?.terminate();
    },
  };
}

function forgetPollution(): void {
  for (const key of Object.keys(Object.prototype)) Reflect.deleteProperty(Object.prototype, key);
}

/** The usual way to take settings over from a message. */
function merge(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    const known = into[key];
    if (isRecord(value) && (typeof known === "function" || isRecord(known)))
      merge(known as Record<string, unknown>, value);
    else into[key] = value;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
