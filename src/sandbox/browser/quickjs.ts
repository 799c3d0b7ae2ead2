import { decodeBase64 } from "../../base/base64.ts";
import { findOptimizerError } from "../../base/errors.ts";
import type { GuestPort } from "../../protocol/guest-protocol.ts";
import { runGuest } from "../guest-run.ts";
import { LIMITS, type Limits } from "../limits.ts";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import { capWasmMemory, WASM_PAGE_BYTES } from "../wasm-memory.ts";
import { closedError, WorkerPool } from "../worker-pool.ts";
import { type FrameWorker, type RuntimeAssets, SandboxFrame } from "./frame.ts";

export interface QuickJsOptions {
  /** The frame to run in, shared with other sandboxes of the page. Default: one of its own. */
  readonly frame?: SandboxFrame;
  /** Programs that run at one time; further ones wait their turn. Default 8. */
  readonly maxWorkers?: number;
}

const TRAITS: SandboxTraits = {
  name: "quickjs",
  languages: ["javascript", "typescript"],
  enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
};

const DEFAULT_MEMORY_BYTES = LIMITS.memoryBytes.initial;

/** Workers that are started ahead and kept for ever. */
const WARM_WORKERS = 1;

/** Room that the engine needs beside the guest's own memory. Bytes. */
const ENGINE_BYTES = 8 * 1024 * 1024;

/** Memory maxima are rounded up to this, so that few differently capped modules are compiled. Bytes. */
const MEMORY_STEP_BYTES = 16 * 1024 * 1024;

/**
 * JavaScript and TypeScript in QuickJS, a fresh WebAssembly instance for each run, in a worker inside
 * the sandbox frame.
 */
export function quickjs(options: QuickJsOptions = {}): Sandbox {
  const frame = options.frame ?? new SandboxFrame();
  const maxWorkers = options.maxWorkers ?? 8;
  const pools = new Map<number, WorkerPool<FrameWorker>>();
  const closing = new AbortController();
  let runs = 0;

  const poolFor = (memoryBytes: number): WorkerPool<FrameWorker> => {
    const steps = Math.ceil((memoryBytes + ENGINE_BYTES) / MEMORY_STEP_BYTES);
    const maxPages = (steps * MEMORY_STEP_BYTES) / WASM_PAGE_BYTES;
    const pool =
      pools.get(maxPages) ??
      new WorkerPool({
        spawn: () => frame.spawn(`quickjs-${maxPages}`, () => loadAssets(maxPages)),
        maxWorkers,
        cores: navigator.hardwareConcurrency,
        minWorkers: WARM_WORKERS,
        idleMs: 30_000,
      });
    pools.set(maxPages, pool);
    return pool;
  };

  return {
    traits: TRAITS,
    prepare: () => poolFor(DEFAULT_MEMORY_BYTES).prepare(Math.min(WARM_WORKERS, maxWorkers)),
    open: (_session: string, limits: Limits) => ({
      async run(program, port, signal) {
        if (closing.signal.aborted) throw closedError();
        const pool = poolFor(limits.memoryBytes);
        let worker: FrameWorker;
        try {
          worker = await pool.take(signal);
        } catch (error) {
          if (!signal.aborted) throw error;
          const message = findOptimizerError(error)?.message ?? "The run was cancelled.";
          return { status: "stopped", reason: "cancelled", message, peakMemoryBytes: 0 };
        }
        runs += 1;
        const ending = AbortSignal.any([signal, closing.signal]);
        const guestPort = watchCalls(port, (waiting) => pool.rest(worker, waiting));
        const outcome = await runGuest(worker, `r${runs}`, program, guestPort, limits, ending);
        pool.give(worker);
        return outcome;
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      for (const pool of pools.values()) pool.close();
      if (options.frame === undefined) await frame[Symbol.asyncDispose]();
    },
  };
}

/** The same port, that tells when a run begins and ends to wait for answers. */
function watchCalls(port: GuestPort, onWaiting: (waiting: boolean) => void): GuestPort {
  let pending = 0;
  return {
    namespaces: port.namespaces,
    log: (entries) => port.log(entries),
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

async function loadAssets(maxPages: number): Promise<RuntimeAssets> {
  const [source, engine, encoding, structuredClone, url] = await Promise.all([
    import("../../runtimes/quickjs-worker.ts?script"),
    import("quickjs-wasi/quickjs.wasm?gzip"),
    import("quickjs-wasi/encoding.so?gzip"),
    import("quickjs-wasi/structured-clone.so?gzip"),
    import("quickjs-wasi/url.so?gzip"),
  ]);
  return {
    source: source.default,
    binaries: {
      quickjs: capWasmMemory(new Uint8Array(await unpack(engine.default)), maxPages).buffer,
      encoding: await unpack(encoding.default),
      "structured-clone": await unpack(structuredClone.default),
      url: await unpack(url.default),
    },
  };
}

function unpack(gzippedBase64: string): Promise<ArrayBuffer> {
  const bytes = decodeBase64(gzippedBase64);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
