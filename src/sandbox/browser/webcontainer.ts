import type { BootOptions, FileSystemTree, WebContainer } from "@webcontainer/api";
import { messageOf } from "../../base/errors.ts";
import { NODE_RUNTIME_BYTES } from "../../protocol/guest-protocol.ts";
import type { Limits } from "../limits.ts";
import type { ProcessChannel } from "../process-channel.ts";
import { openProcessSession } from "../process-session.ts";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import { closedError, WorkerPool } from "../worker-pool.ts";
import { type ContainerProcess, startContainerProcess } from "./container-process.ts";
import { PageContainer, unavailable } from "./page-container.ts";

/** Options of `webcontainer`. */
export interface WebContainerOptions {
  /** StackBlitz's licence key. It counts for the page: the first boot takes it, later ones keep it. */
  readonly apiKey?: string;
  /** The page's own `cross-origin-embedder-policy`; `none` only where Chromium's origin trial applies. */
  readonly coep?: NonNullable<BootOptions["coep"]>;
  /** How long the container, and each process in it, may take to answer. Milliseconds, default 30,000. */
  readonly bootTimeoutMs?: number;
  /** Files in each program's working directory. Every run gets its own copy. */
  readonly files?: FileSystemTree;
  /** Programs that run at one time; further ones wait their turn. Default 4. */
  readonly maxWorkers?: number;
  /**
   * The container that the page has already, for the API allows one. It is never torn down, so that a
   * process in it that no signal ends stays. `apiKey` and `coep` are not used then.
   */
  readonly container?: WebContainer;
}

/**
 * Time: a process gets a signal, and where that does not help its container goes. Memory: the runtime
 * watches what Node tells, which nobody has seen in the real container. Network and files are the
 * container's own: programs have the one and can reach each other's of the other.
 */
const TRAITS: SandboxTraits = {
  name: "webcontainer",
  languages: ["javascript", "typescript"],
  enforces: { time: "best_effort", memory: "none", network: "none", storage: "none" },
  freezes: false,
  keepsGlobals: false,
};

const BOOT_TIMEOUT_MS = 30_000;
const MAX_WORKERS = 4;

/** How long a process may take to follow a signal before its container is torn down. Milliseconds. */
const KILL_MS = 2_000;

/** How long a process that was started for a run that was cancelled waits for another. Milliseconds. */
const IDLE_MS = 10_000;

/**
 * JavaScript and TypeScript in the Node of StackBlitz's WebContainer: a fresh process and a fresh
 * directory for each run. Programs have Node's own modules beside their tools.
 */
export function webcontainer(options: WebContainerOptions = {}): Sandbox {
  const { files = {}, bootTimeoutMs = BOOT_TIMEOUT_MS, maxWorkers = MAX_WORKERS } = options;
  const place = options.container ?? new PageContainer({ ...options, bootTimeoutMs });
  const open = async (): Promise<WebContainer> => (place instanceof PageContainer ? place.open() : place);
  const living = new Map<ProcessChannel, ContainerProcess & { readonly container: WebContainer }>();
  const closing = new AbortController();

  /** Gives up a container that follows no more; the next run gets another. */
  const discard = async (container: WebContainer): Promise<void> => {
    if (!(place instanceof PageContainer)) return;
    for (const one of living.values()) {
      if (one.container === container) one.channel.die("The container had to be torn down.");
    }
    await place.discard(container);
  };

  const spawn = async (): Promise<ProcessChannel> => {
    const container = await open();
    const ending = AbortSignal.any([closing.signal, AbortSignal.timeout(bootTimeoutMs)]);
    try {
      const process = await startContainerProcess(container, files, ending);
      living.set(process.channel, { ...process, container });
      void process.gone.then(() => living.delete(process.channel));
      return process.channel;
    } catch (error) {
      if (closing.signal.aborted) throw closedError();
      if (ending.aborted) await discard(container);
      const problem = ending.aborted ? `none within ${bootTimeoutMs} ms` : messageOf(error);
      throw unavailable(`no process could be started: ${problem}`, "A later run tries again.");
    }
  };

  const pool = new WorkerPool<ProcessChannel>({
    spawn,
    maxWorkers,
    // The container shares the processor out among its processes.
    cores: maxWorkers,
    reuse: "never",
    minSpares: 0,
    maxSpares: 0,
    idleMs: IDLE_MS,
  });

  /** Ends a process, if need be with its container: a signal may not reach a loop in it. */
  const end = async (channel: ProcessChannel): Promise<void> => {
    channel.kill();
    const process = living.get(channel);
    if (process === undefined) return;
    const stuck = await Promise.race([process.gone, wait(KILL_MS).then(() => true)]);
    if (stuck === true && !closing.signal.aborted) await discard(process.container);
  };

  return {
    traits: TRAITS,
    prepare: async () => void (await open()),
    open: (session: string, limits: Limits) => ({
      ...openProcessSession({
        pool,
        session,
        limits,
        closing: closing.signal,
        runtimeBytes: () => NODE_RUNTIME_BYTES,
        end: (channel) => void end(channel),
      }),
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort();
      const processes = [...living.values()];
      pool.close();
      if (place instanceof PageContainer) await place[Symbol.asyncDispose]();
      else await Promise.race([Promise.all(processes.map(({ gone }) => gone)), wait(KILL_MS)]);
    },
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
