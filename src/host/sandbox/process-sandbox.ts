import { messageOf, OptimizerError } from "../../base/errors.ts";
import { settleBefore } from "../../base/waits.ts";
import { type GuestPort, type Language, NODE_RUNTIME_BYTES } from "../../protocol/guest-protocol.ts";
import { runGuest } from "../../sandbox/guest-run.ts";
import { type Limits, resolveLimits } from "../../sandbox/limits.ts";
import type { ProcessChannel } from "../../sandbox/process-channel.ts";
import { openProcessSession, RUN } from "../../sandbox/process-session.ts";
import { parseProgram } from "../../sandbox/program-parser.ts";
import type { RunOutcome, SandboxSession, SandboxTraits } from "../../sandbox/sandbox.ts";
import { closedError, WorkerPool } from "../../sandbox/worker-pool.ts";
import type { HostSandbox, PlaceLimits, SandboxProbe, Strength } from "./host-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";
import type { SandboxProcess } from "./sandbox-process.ts";
import { createThreadParser } from "./thread-parser.ts";

/** Runs a program that looks at its sandbox from within, in a place with other limits where they are given. */
export type RunProbe = (
  language: RunnerLanguage,
  code: string,
  limits?: Partial<Limits>,
  place?: PlaceLimits,
) => Promise<RunOutcome>;

/** What every factory of a sandbox of processes takes. */
export interface PoolOptions {
  /** Programs that run at one time; further ones wait their turn. Default 16. */
  readonly maxProcesses?: number;
  /** Processes of each language that wait for a program, once it was used: more when runs come fast, 0 never. Default 2. */
  readonly spares?: number;
  /** How long a process may take to be ready. Milliseconds, default 10,000. */
  readonly startTimeoutMs?: number;
}

/** What differs between sandboxes that are processes. */
export interface ProcessSandboxOptions extends PoolOptions {
  readonly name: string;
  readonly strength: Strength;
  /** Which runners it has; one of them at least. */
  readonly runners: readonly RunnerLanguage[];
  readonly enforces: SandboxTraits["enforces"];
  /** What a runtime holds beside its program's memory, at the most. Bytes; default: our runners in Node and CPython. */
  readonly runtimeBytes?: (language: Language) => number;
  /** Whether its runtime parses all programs in JavaScript. Default false: ours in Node loads a parser for long ones. */
  readonly hasParser?: boolean;
  /** Digests of all that a snapshot of a guest in JavaScript depends on. Absent: no guests are frozen. */
  readonly frozenBy?: readonly string[];
  /** Starts a process that no program has run in. Rejects with the reason when it can't. */
  start(runner: RunnerLanguage, place?: PlaceLimits): Promise<SandboxProcess>;
  /** Looks whether the sandbox is one here. Called before the first program runs, until it is. Never rejects. */
  probe(run: RunProbe): Promise<SandboxProbe>;
  /** Ends what belongs to all of its processes, once they are gone. */
  dispose?(): Promise<void>;
}

const MAX_PROCESSES = 16;
const SPARES = 2;
const MAX_SPARES = 8;
const START_TIMEOUT_MS = 10_000;
const IDLE_MS = 60_000;

/** How long the end of a process may take before a sandbox is disposed all the same. Milliseconds. */
const GONE_MS = 5_000;

const LANGUAGES: Readonly<Record<RunnerLanguage, readonly Language[]>> = {
  javascript: ["javascript", "typescript"],
  python: ["python"],
};

/** A sandbox of processes: each serves one run and ends with it, from a pool of those that no program has run in. */
export function createProcessSandbox(options: ProcessSandboxOptions): HostSandbox {
  const { name, strength, runners, frozenBy, startTimeoutMs = START_TIMEOUT_MS } = options;
  const { maxProcesses = MAX_PROCESSES, spares = SPARES } = options;
  const { runtimeBytes = (language) => (language === "python" ? 0 : NODE_RUNTIME_BYTES) } = options;
  const parser = options.hasParser === true ? undefined : createThreadParser();
  const closing = new AbortController();
  const living = new Set<SandboxProcess>();
  let probing: Promise<SandboxProbe> | undefined;

  const start = async (
    runner: RunnerLanguage,
    { place, isSpare = false }: { place?: PlaceLimits | undefined; isSpare?: boolean },
  ): Promise<ProcessChannel> => {
    if (closing.signal.aborted) throw closedError();
    let started: SandboxProcess;
    try {
      started = await options.start(runner, place);
    } catch (error) {
      throw unavailable(name, messageOf(error), "A later run tries again.");
    }
    living.add(started);
    void started.gone.then(() => living.delete(started));
    const { channel } = started;
    const timer = setTimeout(
      () => channel.die(`The process was not ready within ${startTimeoutMs} ms.`),
      startTimeoutMs,
    );
    try {
      await channel.start(isSpare);
    } catch (error) {
      if (closing.signal.aborted) throw closedError();
      throw unavailable(name, messageOf(error), "A later run tries again.");
    } finally {
      clearTimeout(timer);
    }
    return channel;
  };

  const runProbe: RunProbe = async (runner, code, limits, place) => {
    const program = { language: runner, code, inputs: "{}" };
    const runLimits = resolveLimits(limits);
    const ending = { limits: runLimits, signal: closing.signal, closing: closing.signal };
    const [channel, ready] = await Promise.all([
      start(runner, { place }),
      parser === undefined || runner === "python" ? program : parseProgram(parser, program, ending),
    ]);
    try {
      if ("status" in ready) return { ...ready, peakMemoryBytes: 0 };
      return await runGuest(channel, RUN, ready, NOBODY, runLimits, closing.signal);
    } finally {
      channel.kill();
    }
  };
  const probe = (): Promise<SandboxProbe> => {
    probing ??= options.probe(runProbe).then((found) => {
      // What is missing now may be there later, such as a daemon.
      if (!found.usable) probing = undefined;
      return found;
    });
    return probing;
  };
  const requireUsable = async (): Promise<void> => {
    const found = await probe();
    if (!found.usable) throw unavailable(name, found.reason, found.hint);
  };

  const pools = new Map(
    runners.map((runner) => [
      runner,
      new WorkerPool<ProcessChannel>({
        ...POOL,
        spawn: async (isSpare) => {
          await requireUsable();
          return start(runner, { isSpare });
        },
        maxWorkers: maxProcesses,
        cores: maxProcesses,
        minSpares: spares,
        maxSpares: spares === 0 ? 0 : Math.max(spares, MAX_SPARES),
      }),
    ]),
  );
  const poolOf = (runner: RunnerLanguage): WorkerPool<ProcessChannel> => {
    const pool = pools.get(runner);
    if (pool !== undefined) return pool;
    throw new OptimizerError(`${name} runs no ${runner}`, { code: 400, kind: "unknown_language" });
  };

  return {
    traits: {
      name,
      languages: runners.flatMap((runner) => LANGUAGES[runner]),
      enforces: options.enforces,
      freezes: frozenBy !== undefined,
      keepsGlobals: false,
    },
    strength,
    probe,
    async prepare() {
      await Promise.all([parser?.prepare(), ...[...pools.values()].map((pool) => pool.prepare())]);
    },
    open(session, limits) {
      const sessionOf = (runner: RunnerLanguage): Pick<SandboxSession, "run" | "resume"> =>
        openProcessSession({
          pool: poolOf(runner),
          session,
          limits,
          closing: closing.signal,
          ...(parser === undefined ? {} : { parser }),
          runtimeBytes,
          end: (channel) => channel.kill(),
          ...(frozenBy === undefined || runner !== "javascript" ? {} : { frozenBy }),
        });
      return {
        run: async (program, ...rest) =>
          sessionOf(program.language === "python" ? "python" : "javascript").run(program, ...rest),
        ...(frozenBy === undefined ? {} : { resume: sessionOf("javascript").resume }),
        async [Symbol.asyncDispose]() {},
      };
    },
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort();
      parser?.end();
      for (const pool of pools.values()) pool.close();
      for (const { channel } of living) channel.kill();
      const gone = Promise.all([...living].map((one) => one.gone));
      await settleBefore(gone, AbortSignal.timeout(GONE_MS)).catch(() => undefined);
      await options.dispose?.();
    },
  };
}

/** The system shares its processors out. */
const POOL = { reuse: "never", idleMs: IDLE_MS } as const;

/** A program that looks at its sandbox finds nobody to call. */
const NOBODY: GuestPort = {
  namespaces: [],
  call: async () => ({
    ok: false,
    error: { name: "Error", message: "A probe calls nothing.", kind: "forbidden", code: 403 },
  }),
  log() {},
  notice() {},
};

export function unavailable(name: string, reason: string, hint: string): OptimizerError {
  return new OptimizerError(`The sandbox ${name} can't be used: ${reason}`, {
    code: 500,
    kind: "sandbox_unavailable",
    hint,
  });
}
