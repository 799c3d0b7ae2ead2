import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { ExtensionDescriptor } from "quickjs-wasi";
import type { RuntimeCommand, RuntimeMessage } from "../../src/protocol/guest-protocol.ts";
import type { GlobalsCommand } from "../../src/protocol/kept-globals.ts";
import { prepareProgram } from "../../src/runtimes/javascript-program.ts";
import { createQuickJsRuntime } from "../../src/runtimes/quickjs-runtime.ts";
import { VmTemplate } from "../../src/runtimes/quickjs-vm.ts";
import type { RunLink, Runtime, RuntimeRun } from "../../src/runtimes/run-server.ts";
import { stripTypes } from "../../src/runtimes/strip-types.ts";
import { openVmImage, packVmImage } from "../../src/runtimes/vm-image.ts";
import type { Work } from "../../src/sandbox/browser/frame-sandbox.ts";
import { createFreezer } from "../../src/sandbox/freezer.ts";
import { type GuestChannel, runGuest } from "../../src/sandbox/guest-run.ts";
import { runWithGlobals } from "../../src/sandbox/keep-globals.ts";
import { requireResumption } from "../../src/sandbox/resumption.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
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
  const drive = async (work: Work): Promise<RunOutcome> => {
    const { session, limits, program, port, signal, runOptions, resumption } = work;
    const worker = await pool.take(signal, session).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (worker === undefined) return CANCELLED;
    runs += 1;
    const run = `r${runs}`;
    const ending = AbortSignal.any([signal, closing.signal]);
    const start = (globals?: GlobalsCommand): Promise<RunOutcome> =>
      runGuest(worker, run, program, port, limits, ending, {
        freezer: createFreezer(FROZEN_BY, session, program, runOptions),
        ...(resumption === undefined ? {} : { resumption }),
        ...(globals === undefined ? {} : { globals }),
      });
    const place = { channel: worker, run, session, keptBy: FROZEN_BY, limits, port };
    const { globals } = runOptions;
    const outcome = await (globals === undefined ? start() : runWithGlobals(globals, place, start));
    pool.give(worker);
    return outcome;
  };
  return {
    traits: {
      name: "quickjs-in-process",
      languages: ["javascript", "typescript"],
      enforces: { time: "best_effort", memory: "best_effort", network: "hard", storage: "hard" },
      freezes: true,
      keepsGlobals: true,
    },
    prepare: () => pool.prepare(),
    open: (session, limits) => ({
      async run(program, port, signal, runOptions = {}) {
        if (signal.aborted) return CANCELLED;
        const prepared = prepareProgram(
          program.language === "typescript" ? "typescript" : "javascript",
          program.code,
          stripTypes,
        );
        if (!("source" in prepared)) return { status: "threw", error: prepared, peakMemoryBytes: 0 };
        return drive({ session, limits, program: { ...program, prepared }, port, signal, runOptions });
      },
      async resume(frozen, port, signal, runOptions = {}) {
        const resumption = await requireResumption(frozen, runOptions, { frozenBy: FROZEN_BY, session });
        return drive({ session, limits, program: frozen.program, port, signal, runOptions, resumption });
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      pool.close();
    },
  };
}

const CANCELLED = {
  status: "stopped",
  reason: "cancelled",
  message: "Cancelled.",
  peakMemoryBytes: 0,
} as const;

/** Nothing here is stored for longer than a test. */
const FROZEN_BY = ["in process"];

interface Templates {
  readonly bare: VmTemplate;
  readonly web: () => Promise<VmTemplate>;
}

async function loadTemplates(): Promise<Templates> {
  const { resolve } = createRequire(import.meta.url);
  const compile = async (file: string): Promise<WebAssembly.Module> =>
    WebAssembly.compile(await readFile(resolve(`quickjs-wasi/${file}`)));
  const wasm = await compile("quickjs.wasm");
  const prelude = await readFile(new URL("../../src/runtimes/guest-prelude.js", import.meta.url), "utf8");
  const create = async (extensions: ExtensionDescriptor[]): Promise<VmTemplate> => {
    const { buffer } = await packVmImage(wasm, extensions, prelude);
    return new VmTemplate(wasm, extensions, openVmImage(buffer));
  };
  const web = create([
    { name: "encoding", wasm: await compile("encoding.so") },
    {
      name: "structured-clone",
      wasm: await compile("structured-clone.so"),
      initFn: "qjs_ext_structured_clone_init",
    },
    { name: "url", wasm: await compile("url.so") },
  ]);
  return { bare: await create([]), web: () => web };
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
        frozen: (guest) => post({ type: "frozen", run: command.run, ...guest }),
        unfrozen: (reason) => post({ type: "unfrozen", run: command.run, reason }),
        onOpen: () => {},
      };
      current = runtime.start(command, link);
    } else if (command.type === "replies") current?.reply(command.replies);
    else if (command.type === "freeze") void current?.freeze?.(command.held);
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
