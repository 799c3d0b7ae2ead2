import { fork } from "node:child_process";
import path from "node:path";
import type { HostTask } from "./redis-host.ts";

/** A host in a process of its own. */
export interface HostProcess extends AsyncDisposable {
  begin(task: HostTask): void;
  /** The next that it says. Rejects when it ends without a word. */
  next(): Promise<unknown>;
  signal(name: NodeJS.Signals): void;
}

/** Resolves when it is ready to begin. */
export async function startHost(): Promise<HostProcess> {
  const child = fork(path.join(import.meta.dirname, "redis-host.ts"), { execArgv: [], stdio: "inherit" });
  const said: unknown[] = [];
  let waiting: PromiseWithResolvers<unknown> | undefined;
  let end: Error | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      end = new Error(`The host ended: ${signal ?? code}`);
      waiting?.reject(end);
      resolve();
    });
  });
  child.on("message", (message) => {
    if (waiting === undefined) said.push(message);
    else waiting.resolve(message);
    waiting = undefined;
  });
  const host: HostProcess = {
    begin: (task) => void child.send(task),
    next() {
      if (said.length > 0) return Promise.resolve(said.shift());
      if (end !== undefined) return Promise.reject(end);
      waiting = Promise.withResolvers();
      return waiting.promise;
    },
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  await host.next();
  return host;
}
