// The same job done without a thought of attackers: it proves that the attacks bite and that every detector
// tells. A warm worker of the page's origin, a broker that is a plain object, no clock that ends anything.

import type { PlantedSecrets } from "../setup/planted-secrets.ts";
import {
  type Ended,
  type EscapeLanguage,
  injectedText,
  REFLECTING,
  reflect,
  type ToolCall,
} from "./executor.ts";
import type { UnsafeExecutor } from "./unsafe-suite.ts";
import { unsafeJavaScript, unsafePython } from "./unsafe-workers.ts";

/** How long after its time a program is waited for, which nobody ends. Milliseconds. */
const PATIENCE_MS = { javascript: 700, python: 3_000 };

const BOOT_MS = 60_000;

/** What a place of programs says to the page. */
export interface WorkerMessage {
  readonly type: "ready" | "call" | "log" | "done" | "failed";
  readonly id: number;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly value: unknown;
  readonly error: unknown;
}

export async function openUnsafe(language: EscapeLanguage, planted: PlantedSecrets): Promise<UnsafeExecutor> {
  const calls: ToolCall[] = [];
  const record =
    (tool: string, answer: (args: Readonly<Record<string, unknown>>) => unknown) =>
    (args: Readonly<Record<string, unknown>>): unknown => {
      // Its audit trail: text of whatever the guest sent.
      audit.push(JSON.stringify(args));
      calls.push({ tool, args });
      return answer(args);
    };
  const audit: string[] = [];
  const table: Record<string, (args: Readonly<Record<string, unknown>>) => unknown> = {
    "page.echo": record("echo", (args) => args),
    "page.strict": record("strict", (args) => args),
    "page.fail": record("fail", ({ message }) => {
      throw new Error(String(message));
    }),
    "page.injected": record("injected", ({ http }) => injectedText(String(http))),
    ...Object.fromEntries(
      REFLECTING.map((tool) => [`reflecting.${tool}`, record(tool, () => reflect(tool, planted.secret))]),
    ),
  };
  let worker = await startWorker(language, planted);
  let logs: string[] = [];
  let settle: (message: WorkerMessage) => void = () => {};
  const view = document.createElement("output");
  document.body.append(view);

  const receive = ({ data }: MessageEvent<WorkerMessage>): void => {
    switch (data.type) {
      case "call": {
        const answerWith = (answer: object): void =>
          worker.postMessage({ type: "reply", id: data.id, ...answer });
        const answer = table[data.tool];
        if (answer === undefined) throw new Error(`no tool ${data.tool}`);
        try {
          answerWith({ value: answer(data.args) });
        } catch (error) {
          // An argument that is no JSON is nobody's fault here; the tools' own failures go back as they are.
          if (error instanceof TypeError) throw error;
          answerWith({ error });
        }
        return;
      }
      case "log":
        logs.push(data.text);
        return;
      case "done":
        if (typeof data.value === "string") view.innerHTML = data.value;
        return settle(data);
      case "failed":
      case "ready":
        return settle(data);
      default:
        data.type satisfies never;
    }
  };
  worker.onmessage = receive;

  return {
    language,
    calls,
    prepare: async () => {},
    async run(code, { limits }) {
      logs = [];
      const started = performance.now();
      const ending = new Promise<WorkerMessage | undefined>((resolve) => {
        settle = resolve;
        setTimeout(() => resolve(undefined), limits.timeoutMs + PATIENCE_MS[language]);
      });
      worker.postMessage({ type: "run", code });
      return toEnded(await ending, logs, performance.now() - started);
    },
    async renew() {
      worker.terminate();
      Reflect.deleteProperty(globalThis, "pwned");
      worker = await startWorker(language, planted);
      worker.onmessage = receive;
    },
    async [Symbol.asyncDispose]() {
      worker.terminate();
      view.remove();
    },
  };
}

/** The outcome, as its last message tells it. */
export function toEnded(message: WorkerMessage | undefined, logs: readonly string[], ms: number): Ended {
  if (message === undefined) return { end: "no answer", output: textOf(logs), logs, ms };
  const { type, value, error } = message;
  if (type === "done") return { end: "returned", value, output: textOf([value, logs]), logs, ms };
  return { end: "threw", output: textOf([String(error), logs]), logs, ms };
}

/** Text of anything that was cloned. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? String(part) : part));
}

async function startWorker(language: EscapeLanguage, planted: PlantedSecrets): Promise<Worker> {
  const source =
    language === "javascript"
      ? unsafeJavaScript(planted.secret)
      : unsafePython(new URL("/node_modules/pyodide/", location.href).href);
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: language === "javascript" ? "classic" : "module" });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The unsafe worker did not start.")), BOOT_MS);
    worker.onmessage = () => {
      clearTimeout(timer);
      resolve();
    };
    worker.onerror = (event) => reject(new Error(event.message));
  });
  worker.onerror = null;
  URL.revokeObjectURL(url);
  return worker;
}
