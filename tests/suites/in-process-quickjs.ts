import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { RuntimeCommand, RuntimeMessage } from "../../src/protocol/guest-protocol.ts";
import { createQuickJsRuntime } from "../../src/runtimes/quickjs-runtime.ts";
import { VmTemplate } from "../../src/runtimes/quickjs-vm.ts";
import type { RunLink, Runtime, RuntimeRun } from "../../src/runtimes/run-server.ts";
import { type GuestChannel, runGuest } from "../../src/sandbox/guest-run.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { WorkerPool } from "../../src/sandbox/worker-pool.ts";

/**
 * QuickJS on the test's own thread: the same runtime and the same page's side, without the walls
 * between them. A second implementation of the contract, and a quick one.
 */
export function inProcessQuickJs({ maxWorkers = 8 }: { readonly maxWorkers?: number } = {}): Sandbox {
  let templates: Promise<Templates> | undefined;
  const closing = new AbortController();
  const pool = new WorkerPool({
    spawn: async () => {
      templates ??= loadTemplates();
      return createChannel(createQuickJsRuntime(await templates));
    },
    maxWorkers,
    cores: 8,
    reuse: "session",
    minSpares: 1,
    maxSpares: 1,
    idleMs: 1_000,
  });
  let runs = 0;
  return {
    traits: {
      name: "quickjs-in-process",
      languages: ["javascript", "typescript"],
      enforces: { time: "best_effort", memory: "best_effort", network: "hard", storage: "hard" },
    },
    prepare: () => pool.prepare(),
    open: (session, limits) => ({
      async run(program, port, caller) {
        const stopped = {
          status: "stopped",
          reason: "cancelled",
          message: "Cancelled.",
          peakMemoryBytes: 0,
        } as const;
        if (caller.aborted) return stopped;
        const worker = await pool.take(caller, session).catch((error: unknown) => {
          if (caller.aborted) return undefined;
          throw error;
        });
        if (worker === undefined) return stopped;
        runs += 1;
        const outcome = await runGuest(
          worker,
          `r${runs}`,
          program,
          port,
          limits,
          AbortSignal.any([caller, closing.signal]),
        );
        pool.give(worker);
        return outcome;
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      pool.close();
    },
  };
}

interface Templates {
  readonly bare: VmTemplate;
  readonly web: () => Promise<VmTemplate>;
}

async function loadTemplates(): Promise<Templates> {
  const { resolve } = createRequire(import.meta.url);
  const compile = async (file: string): Promise<WebAssembly.Module> =>
    WebAssembly.compile(await readFile(resolve(`quickjs-wasi/${file}`)));
  const wasm = await compile("quickjs.wasm");
  const web = VmTemplate.create(wasm, [
    { name: "encoding", wasm: await compile("encoding.so") },
    {
      name: "structured-clone",
      wasm: await compile("structured-clone.so"),
      initFn: "qjs_ext_structured_clone_init",
    },
    { name: "url", wasm: await compile("url.so") },
  ]);
  return { bare: await VmTemplate.create(wasm, []), web: () => web };
}

/** Passes messages as a worker would: later, and as text where a guest may have written them. */
function createChannel(runtime: Runtime): GuestChannel & { readonly alive: boolean } {
  let alive = true;
  let deliver: ((data: unknown) => void) | undefined;
  let current: RuntimeRun | undefined;
  const post = (message: RuntimeMessage): void => {
    const text = JSON.stringify(message);
    setImmediate(() => alive && deliver?.(text));
  };
  const receive = (command: RuntimeCommand): void => {
    if (!alive) return;
    if (command.type === "run") {
      const link: RunLink = {
        open: true,
        turn: (idle, calls, logs) => post({ type: "turn", run: command.run, idle, calls, logs }),
        usage: (memoryBytes) => post({ type: "usage", run: command.run, memoryBytes }),
        done: (outcome, logs, peakMemoryBytes) =>
          post({ type: "done", run: command.run, outcome, logs, peakMemoryBytes }),
        onOpen: () => {},
      };
      current = runtime.start(command, link);
    } else if (command.type === "replies") current?.reply(command.replies);
  };
  return {
    get alive() {
      return alive;
    },
    send: (command) => void setImmediate(() => receive(structuredClone(command))),
    listen(onMessage) {
      deliver = onMessage;
    },
    unlisten() {
      deliver = undefined;
    },
    kill() {
      alive = false;
    },
  };
}
