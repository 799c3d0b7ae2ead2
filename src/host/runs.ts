import { OptimizerError } from "../base/errors.ts";
import type { RunEvent, RunResult } from "../engine/run-result.ts";
import type { RunOptions } from "../engine/run-scope.ts";
import type { Admission } from "./admission.ts";
import { errorBody } from "./http/http-error.ts";
import { EventBuffer, toHostEvent } from "./run-events.ts";

/** One run of the host, while it goes on and a while after. */
export interface HostRun {
  readonly runId: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly events: EventBuffer;
  /** Resolves when it is over. */
  readonly ended: Promise<void>;
  /** Ends it as its caller would; what has ended stays as it is. */
  cancel(): void;
}

/** Carries one request out, by `runner.run` or in another way. */
export type RunWork = (options: Pick<RunOptions, "signal" | "onEvent">) => Promise<RunResult>;

/** The runs of all tenants. None sees those of another. */
export interface Runs {
  /** Resolves when the run has begun; rejects as the engine does where it has not. */
  start(tenant: string | undefined, work: RunWork): Promise<HostRun>;
  /** Carries something out within the limits and counts of runs, and keeps nothing of it. */
  within<Result>(
    tenant: string | undefined,
    signal: AbortSignal,
    work: (options: Required<Pick<RunOptions, "signal">>) => Promise<Result>,
  ): Promise<Result>;
  /** Throws 400 `unknown_run`. */
  require(tenant: string | undefined, runId: string): HostRun;
}

/** How long, how many and how much of the runs that ended are kept, for each tenant. */
const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 50;
const MAX_KEPT_CHARACTERS = 16 * 1024 * 1024;

interface KeptRun extends HostRun {
  /** By the monotonic clock; absent while it goes on. */
  endedAt: number | undefined;
}

export function createRuns(admission: Admission): Runs {
  const tenants = new Map<string | undefined, Map<string, KeptRun>>();
  const runsOf = (tenant: string | undefined): Map<string, KeptRun> => {
    const runs = tenants.get(tenant) ?? new Map<string, KeptRun>();
    tenants.set(tenant, runs);
    return runs;
  };

  /** Forgets those that ended, the oldest first. */
  const sweep = (runs: Map<string, KeptRun>): void => {
    const ended = [...runs.values()].filter((run) => run.endedAt !== undefined);
    let characters = ended.reduce((sum, run) => sum + run.events.characters, 0);
    let count = ended.length;
    const oldest = performance.now() - KEPT_MS;
    for (const run of ended.sort((one, other) => (one.endedAt ?? 0) - (other.endedAt ?? 0))) {
      if (count <= MAX_KEPT && characters <= MAX_KEPT_CHARACTERS && (run.endedAt ?? 0) >= oldest) return;
      runs.delete(run.runId);
      characters -= run.events.characters;
      count -= 1;
    }
  };

  const within: Runs["within"] = async (tenant, signal, work) => {
    using place = admission.enterRun(tenant);
    return await work({ signal: AbortSignal.any([signal, place.signal]) });
  };

  return {
    within,

    async start(tenant, work) {
      const runs = runsOf(tenant);
      sweep(runs);
      const cancelling = new AbortController();
      const events = new EventBuffer();
      const begun = Promise.withResolvers<HostRun>();
      const ended = Promise.withResolvers<void>();
      let run: KeptRun | undefined;
      const onEvent = (event: RunEvent): void => {
        const told = toHostEvent(event);
        if (told !== undefined) events.add(told);
        if (event.type !== "started") return;
        run = {
          runId: event.runId,
          session: event.session,
          startedAt: Date.now(),
          events,
          ended: ended.promise,
          cancel: () => cancelling.abort(),
          endedAt: undefined,
        };
        runs.set(run.runId, run);
        begun.resolve(run);
      };
      void within(tenant, cancelling.signal, ({ signal }) => work({ signal, onEvent }))
        .catch((error: unknown) => {
          begun.reject(error);
          if (run === undefined) return;
          events.add({ type: "error", error: errorBody(error) });
        })
        .finally(() => {
          if (run !== undefined) run.endedAt = performance.now();
          ended.resolve();
        });
      return begun.promise;
    },

    require(tenant, runId) {
      const runs = runsOf(tenant);
      sweep(runs);
      const run = runs.get(runId);
      if (run !== undefined) return run;
      throw new OptimizerError("There is no such run, or it ended a while ago.", {
        code: 400,
        kind: "unknown_run",
      });
    },
  };
}
