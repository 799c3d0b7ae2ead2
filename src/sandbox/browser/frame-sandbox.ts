import { findOptimizerError } from "../../base/errors.ts";
import { type GuestPort, NO_INSTANCE, type Program } from "../../protocol/guest-protocol.ts";
import type { GlobalsCommand } from "../../protocol/kept-globals.ts";
import { createFreezer } from "../freezer.ts";
import { runGuest } from "../guest-run.ts";
import { runWithGlobals } from "../keep-globals.ts";
import { LIMITS, type Limits } from "../limits.ts";
import { portWith } from "../port-with.ts";
import { CANCELLED, parseProgram } from "../program-parser.ts";
import { type Resumption, requireResumption } from "../resumption.ts";
import type { RunOutcome, Sandbox, SandboxRunOptions, SandboxTraits } from "../sandbox.ts";
import { WASM_PAGE_BYTES } from "../wasm-memory.ts";
import { closedError, WorkerPool, type WorkerPoolOptions } from "../worker-pool.ts";
import { type FrameWorker, SandboxFrame } from "./frame.ts";
import type { RuntimeAssets } from "./frame-control.ts";
import { createFrameParser } from "./frame-parser.ts";

/** What every sandbox inside the frame lets its user choose. */
export interface FrameSandboxOptions {
  /** The frame to run in, shared with other sandboxes of the page. Default: one of its own. */
  readonly frame?: SandboxFrame;
  /** Programs that run at one time; further ones wait their turn. */
  readonly maxWorkers?: number;
}

/** A runtime in workers of the frame, most of them WebAssembly instances with a capped memory. */
export interface FrameRuntime
  extends Pick<
    WorkerPoolOptions<FrameWorker>,
    "reuse" | "maxWorkers" | "minSpares" | "maxSpares" | "idleMs"
  > {
  readonly traits: SandboxTraits;
  /** Room that the engine needs beside the guest's own memory. Bytes. */
  readonly engineBytes: number;
  /** Tells workers of one name apart that need other things. */
  readonly variant?: string;
  /** Programs are parsed before they reach a worker, which has no parser. */
  readonly parses?: boolean;
  /** Digests of all that a snapshot of a guest depends on. Absent: the runtime freezes no guests. */
  readonly frozenBy?: readonly string[];
  /** Digests of all that kept globals depend on, where the traits say that they are kept. */
  readonly globalsBy?: readonly string[];
  /** What a worker needs whose memory has this maximum. */
  readonly assets: (maxPages: number) => Promise<RuntimeAssets>;
}

/** Memory maxima are rounded up to this, so that few differently capped modules are compiled. Bytes. */
const MEMORY_STEP_BYTES = 16 * 1024 * 1024;

/** Runs programs in pools of workers inside the frame, one pool for each maximum of memory. */
export function createFrameSandbox(runtime: FrameRuntime, options: FrameSandboxOptions): Sandbox {
  const { name } = runtime.traits;
  const { frozenBy, globalsBy = [] } = runtime;
  const frame = options.frame ?? new SandboxFrame();
  const parser = runtime.parses === true ? createFrameParser(frame) : undefined;
  const pools = new Map<number, WorkerPool<FrameWorker>>();
  const closing = new AbortController();
  /** Runs that wait for a worker and hear how far it is. */
  const waiting = new Set<{ readonly port: GuestPort; told: boolean }>();
  const defaultPages = pagesFor(LIMITS.memoryBytes.initial, runtime.engineBytes);
  let runs = 0;

  const tell = (step: "loading" | "starting"): void => {
    for (const one of waiting) {
      one.told = true;
      one.port.notice({ type: "preparing", sandbox: name, step });
    }
  };

  const poolFor = (maxPages: number): WorkerPool<FrameWorker> => {
    const known = pools.get(maxPages);
    if (known !== undefined) return known;
    const pool = new WorkerPool({
      ...runtime,
      maxWorkers: options.maxWorkers ?? runtime.maxWorkers,
      minSpares: maxPages === defaultPages ? runtime.minSpares : 0,
      cores: navigator.hardwareConcurrency,
      spawn: () => {
        tell("loading");
        return frame.spawn(`${name}-${maxPages}-${runtime.variant ?? ""}`, () => runtime.assets(maxPages), {
          onLoaded: () => tell("starting"),
        });
      },
    });
    pools.set(maxPages, pool);
    pool.setHidden(document.hidden);
    return pool;
  };
  const onVisibility = (): void => {
    for (const pool of pools.values()) pool.setHidden(document.hidden);
  };
  document.addEventListener("visibilitychange", onVisibility);

  /** `undefined` when the run was cancelled while it waited. */
  const takeWorker = async (
    pool: WorkerPool<FrameWorker>,
    session: string,
    port: GuestPort,
    signal: AbortSignal,
  ): Promise<FrameWorker | undefined> => {
    const one = { port, told: false };
    waiting.add(one);
    try {
      const worker = await pool.take(signal, session);
      if (one.told) port.notice({ type: "preparing", sandbox: name, step: "ready" });
      return worker;
    } catch (error) {
      if (signal.aborted && findOptimizerError(error)?.kind === "cancelled") return undefined;
      throw error;
    } finally {
      waiting.delete(one);
    }
  };

  /**
   * Runs a program that is ready, or goes on with one. A process has room for some hundred instances, and those
   * that ended count until a worker looks for garbage: where one finds no room, idle workers go and with them
   * what they hold, and another worker tries. Only as long as the program has done nothing.
   */
  const drive = async (work: Work): Promise<RunOutcome> => {
    for (let left = ROOM_ATTEMPTS; ; left -= 1) {
      let isUntouched = true;
      const touch = (): void => {
        isUntouched = false;
      };
      const outcome = await attempt({ ...work, port: tellTouched(work.port, touch) });
      if (left === 0 || !isUntouched || !lacksRoom(outcome)) return outcome;
      for (const pool of pools.values()) pool.dropIdle();
    }
  };

  const attempt = async (work: Work): Promise<RunOutcome> => {
    const { session, limits, program, port, signal, runOptions, resumption } = work;
    const maxPages = pagesFor(limits.memoryBytes, runtime.engineBytes);
    const pool = poolFor(maxPages);
    const worker = await takeWorker(pool, session, port, signal);
    if (worker === undefined) return { ...CANCELLED, peakMemoryBytes: 0 };
    runs += 1;
    const run = `r${runs}`;
    const ending = AbortSignal.any([signal, closing.signal]);
    const guestPort = watchCalls(port, (resting) => pool.rest(worker, resting));
    const start = (globals?: GlobalsCommand): Promise<RunOutcome> =>
      runGuest(worker, run, program, guestPort, limits, ending, {
        ceilingBytes: maxPages * WASM_PAGE_BYTES,
        ...(frozenBy === undefined ? {} : { freezer: createFreezer(frozenBy, session, program, runOptions) }),
        ...(resumption === undefined ? {} : { resumption }),
        ...(globals === undefined ? {} : { globals }),
      });
    const { globals } = runOptions;
    const place = { channel: worker, run, session, keptBy: globalsBy, limits, port };
    const outcome = await (globals === undefined ? start() : runWithGlobals(globals, place, start));
    if (lacksRoom(outcome)) worker.kill();
    pool.give(worker);
    return outcome;
  };

  return {
    traits: runtime.traits,
    async prepare() {
      await Promise.all([poolFor(defaultPages).prepare(), parser?.prepare()]);
    },
    open: (session: string, limits: Limits) => ({
      async run(program, port, signal, runOptions = {}) {
        if (closing.signal.aborted) throw closedError();
        const ready =
          parser === undefined
            ? program
            : await parseProgram(parser, program, { limits, signal, closing: closing.signal });
        if ("status" in ready) return { ...ready, peakMemoryBytes: 0 };
        return drive({ session, limits, program: ready, port, signal, runOptions });
      },
      ...(frozenBy === undefined
        ? {}
        : {
            async resume(frozen, port, signal, runOptions = {}) {
              if (closing.signal.aborted) throw closedError();
              const resumption = await requireResumption(frozen, runOptions, { frozenBy, session });
              const { program } = frozen;
              return drive({ session, limits, program, port, signal, runOptions, resumption });
            },
          }),
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      document.removeEventListener("visibilitychange", onVisibility);
      for (const pool of pools.values()) pool.close();
      if (options.frame === undefined) await frame[Symbol.asyncDispose]();
    },
  };
}

/** What a sandbox is asked to carry out. */
export interface Work {
  readonly session: string;
  readonly limits: Limits;
  readonly program: Program;
  readonly port: GuestPort;
  readonly signal: AbortSignal;
  readonly runOptions: SandboxRunOptions;
  readonly resumption?: Resumption;
}

/** How often a program that found no room for its instance is tried once more. */
const ROOM_ATTEMPTS = 4;

function lacksRoom(outcome: RunOutcome): boolean {
  return (
    outcome.status === "stopped" && outcome.reason === "crashed" && outcome.message.startsWith(NO_INSTANCE)
  );
}

/** The same port, that tells when the program has done something. A runtime may lie about never having begun. */
function tellTouched(port: GuestPort, touch: () => void): GuestPort {
  return portWith(port, {
    log(entries) {
      touch();
      port.log(entries);
    },
    async call(call, signal) {
      touch();
      return port.call(call, signal);
    },
  });
}

/** The memory of a worker whose guest may use `memoryBytes`. WebAssembly pages. */
function pagesFor(memoryBytes: number, engineBytes: number): number {
  const steps = Math.ceil((memoryBytes + engineBytes) / MEMORY_STEP_BYTES);
  return (steps * MEMORY_STEP_BYTES) / WASM_PAGE_BYTES;
}

/** The same port, that tells when a run begins and ends to wait for answers. */
function watchCalls(port: GuestPort, onWaiting: (waiting: boolean) => void): GuestPort {
  let pending = 0;
  return portWith(port, {
    async call(call, signal) {
      pending += 1;
      if (pending === 1) onWaiting(true);
      const reply = await port.call(call, signal);
      pending -= 1;
      if (pending === 0) onWaiting(false);
      return reply;
    },
  });
}
