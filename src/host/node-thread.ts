import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ThreadService } from "../sandbox/thread-service.ts";

/** What the thread runs: a script that is written for a browser's worker, and its files. */
export interface ThreadParts {
  readonly script: string;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** What the script finds in a browser's worker, so that pages and hosts ship the same. */
const WORKER_SCOPE = `const { parentPort } = require("node:worker_threads");
globalThis.self = { postMessage: (message) => parentPort.postMessage(message) };
parentPort.on("message", (data) => self.onmessage({ data }));
`;

/** A thread of the host, whose `name` its errors tell. Starts it at the first use, and again when it died. */
export function createNodeThread<Command>(
  name: string,
  load: () => Promise<ThreadParts>,
): ThreadService<Command> {
  let thread: Promise<Worker> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const start = async (onExit: () => void): Promise<Worker> => {
    const { script, files = {} } = await load();
    const started = new Worker(WORKER_SCOPE + script, { eval: true, env: {}, execArgv: [] });
    // It ends with the process, and its death is told to whoever waits for an answer.
    started.unref();
    started.on("error", () => undefined);
    started.once("exit", onExit);
    await exchange(name, started, { type: "boot", files });
    return started;
  };
  const open = (): Promise<Worker> => {
    if (thread !== undefined) return thread;
    const forget = (): void => {
      if (thread === starting) thread = undefined;
    };
    const starting = start(forget);
    starting.catch(forget);
    thread = starting;
    return starting;
  };
  const end = (): void => {
    thread?.then(
      (running) => running.terminate(),
      () => undefined,
    );
    thread = undefined;
  };

  return {
    prepare: async () => void (await open()),
    ask(command, read, signal) {
      const answer = last.then(async () => {
        signal?.throwIfAborted();
        try {
          return read(await exchange(name, await open(), { credits: 0, command }, signal));
        } catch (error) {
          if (signal?.aborted === true) end();
          throw error;
        }
      });
      last = answer.catch(() => undefined);
      return answer;
    },
    end,
  };
}

/** Waits for the thread's answer, which keeps the process alive meanwhile. Rejects when the thread ends, and when `signal` aborts. */
async function exchange(
  name: string,
  thread: Worker,
  message: object,
  signal?: AbortSignal,
): Promise<unknown> {
  const gone = new AbortController();
  const onExit = (): void => gone.abort(new Error(`${name} ended.`));
  const onAbort = (): void => gone.abort(signal?.reason);
  thread.once("exit", onExit);
  signal?.addEventListener("abort", onAbort, { once: true });
  thread.ref();
  try {
    thread.postMessage(message);
    const [answer] = await once(thread, "message", { signal: gone.signal });
    return answer;
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    thread.off("exit", onExit);
    thread.unref();
  }
}
