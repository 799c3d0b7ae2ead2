import { OptimizerError } from "../base/errors.ts";
import { HttpError } from "./http/http-error.ts";

/** How much one tenant may ask for, and all of them together. */
export interface AdmissionLimits {
  /** Requests of one tenant in a minute, in bursts of as many. */
  readonly requestsPerMinute: number;
  /** Runs of one tenant at one time. */
  readonly maxRunsPerTenant: number;
  /** Runs of all tenants at one time. */
  readonly maxRuns: number;
}

/** The place of one run. Disposing it gives it back. */
export interface RunPlace extends Disposable {
  /** Aborts when the host's time to drain is over. */
  readonly signal: AbortSignal;
}

/** Lets requests and runs in, or not. */
export interface Admission {
  readonly draining: boolean;
  readonly openRuns: number;
  /** Throws 429 `too_many_requests`. */
  countRequest(tenant: string | undefined): void;
  /** Throws 429 `too_many_runs`, and 503 `draining`. */
  enterRun(tenant: string | undefined): RunPlace;
  /** Lets no run in any more; resolves when the last has ended, which are aborted after so many milliseconds. */
  drain(deadlineMs: number): Promise<void>;
}

/** How long runs that were aborted may take to end. Milliseconds. */
const ENDING_MS = 2_000;

interface TenantCount {
  runs: number;
  /** Requests that it may still make. */
  left: number;
  countedAt: number;
}

export function createAdmission(limits: AdmissionLimits): Admission {
  const tenants = new Map<string | undefined, TenantCount>();
  const deadline = new AbortController();
  const empty = Promise.withResolvers<void>();
  let openRuns = 0;
  let draining = false;

  // Tenants are those of the tokens that were given out: the map can't grow beyond them.
  const countOf = (tenant: string | undefined): TenantCount => {
    const count = tenants.get(tenant) ?? {
      runs: 0,
      left: limits.requestsPerMinute,
      countedAt: performance.now(),
    };
    tenants.set(tenant, count);
    return count;
  };

  return {
    get draining() {
      return draining;
    },

    get openRuns() {
      return openRuns;
    },

    countRequest(tenant) {
      const count = countOf(tenant);
      const now = performance.now();
      const renewed = ((now - count.countedAt) / 60_000) * limits.requestsPerMinute;
      count.left = Math.min(limits.requestsPerMinute, count.left + renewed);
      count.countedAt = now;
      if (count.left < 1) {
        throw tooMany(
          "too_many_requests",
          `More than ${limits.requestsPerMinute} requests in a minute.`,
          "Wait for as long as Retry-After says.",
        );
      }
      count.left -= 1;
    },

    enterRun(tenant) {
      if (draining) throw hostDrains();
      const count = countOf(tenant);
      if (count.runs >= limits.maxRunsPerTenant || openRuns >= limits.maxRuns) {
        throw tooMany("too_many_runs", "Too many runs are under way.", "Try again when one has ended.");
      }
      count.runs += 1;
      openRuns += 1;
      let left = false;
      return {
        signal: deadline.signal,
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          count.runs -= 1;
          openRuns -= 1;
          if (draining && openRuns === 0) empty.resolve();
        },
      };
    },

    async drain(deadlineMs) {
      draining = true;
      if (openRuns === 0) return;
      const timers = [
        setTimeout(() => deadline.abort(), deadlineMs),
        // A run that does not end is left behind with the process.
        setTimeout(() => empty.resolve(), deadlineMs + ENDING_MS),
      ];
      await empty.promise;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** The refusal of everything new while the host ends. */
export function hostDrains(): HttpError {
  return new HttpError("The host is about to end.", {
    status: 503,
    code: 500,
    kind: "draining",
    retryable: true,
    headers: { "retry-after": "5" },
    hint: "Ask another host, or the next one here.",
  });
}

function tooMany(kind: string, message: string, hint: string): OptimizerError {
  return new OptimizerError(message, { code: 429, kind, hint, retryable: true });
}
