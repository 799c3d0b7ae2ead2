import { findOptimizerError } from "../../base/errors.ts";
import type { GuestPort } from "../../protocol/guest-protocol.ts";
import { runGuest } from "../guest-run.ts";
import { LIMITS, type Limits } from "../limits.ts";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import { WASM_PAGE_BYTES } from "../wasm-memory.ts";
import { closedError, WorkerPool, type WorkerPoolOptions } from "../worker-pool.ts";
import { type FrameWorker, SandboxFrame } from "./frame.ts";
import type { RuntimeAssets } from "./frame-control.ts";

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
  /** What a worker needs whose memory has this maximum. */
  readonly assets: (maxPages: number) => Promise<RuntimeAssets>;
}

/** Memory maxima are rounded up to this, so that few differently capped modules are compiled. Bytes. */
const MEMORY_STEP_BYTES = 16 * 1024 * 1024;

/** Runs programs in pools of workers inside the frame, one pool for each maximum of memory. */
export function createFrameSandbox(runtime: FrameRuntime, options: FrameSandboxOptions): Sandbox {
  const { name } = runtime.traits;
  const frame = options.frame ?? new SandboxFrame();
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

  return {
    traits: runtime.traits,
    prepare: () => poolFor(defaultPages).prepare(),
    open: (session: string, limits: Limits) => ({
      async run(program, port, signal) {
        if (closing.signal.aborted) throw closedError();
        const maxPages = pagesFor(limits.memoryBytes, runtime.engineBytes);
        const pool = poolFor(maxPages);
        const worker = await takeWorker(pool, session, port, signal);
        if (worker === undefined) {
          const message = "The run was cancelled before it started.";
          return { status: "stopped", reason: "cancelled", message, peakMemoryBytes: 0 };
        }
        runs += 1;
        const ending = AbortSignal.any([signal, closing.signal]);
        const guestPort = watchCalls(port, (resting) => pool.rest(worker, resting));
        const ceiling = maxPages * WASM_PAGE_BYTES;
        const outcome = await runGuest(worker, `r${runs}`, program, guestPort, limits, ending, ceiling);
        pool.give(worker);
        return outcome;
      },
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

/** The memory of a worker whose guest may use `memoryBytes`. WebAssembly pages. */
function pagesFor(memoryBytes: number, engineBytes: number): number {
  const steps = Math.ceil((memoryBytes + engineBytes) / MEMORY_STEP_BYTES);
  return (steps * MEMORY_STEP_BYTES) / WASM_PAGE_BYTES;
}

/** The same port, that tells when a run begins and ends to wait for answers. */
function watchCalls(port: GuestPort, onWaiting: (waiting: boolean) => void): GuestPort {
  let pending = 0;
  return {
    namespaces: port.namespaces,
    log: (entries) => port.log(entries),
    notice: (notice) => port.notice(notice),
    async call(call, signal) {
      pending += 1;
      if (pending === 1) onWaiting(true);
      const reply = await port.call(call, signal);
      pending -= 1;
      if (pending === 0) onWaiting(false);
      return reply;
    },
  };
}
