import { createNameLimit, MAX_NAMES } from "./name-limit.ts";
import type { RequestEnd, RequestStatus, RequestTrace, ToolCallEnd, TraceSink } from "./trace.ts";

/** How often one intent was asked for. */
export interface IntentCount {
  readonly requests: number;
  /** Those that returned, or wait for a decision. */
  readonly successes: number;
}

/** What an engine did since it began, while `flags.enableMetrics` was on. */
export interface TelemetryCounts {
  readonly requests: number;
  /** Under way now. */
  readonly openRequests: number;
  readonly byStatus: Readonly<Record<RequestStatus, number>>;
  /** Of all that ended, 0 to 1; 0 before the first. */
  readonly successRate: number;
  readonly errorRate: number;
  /** From the first word of a request to its answer. Milliseconds. */
  readonly executionTimeMs: { readonly count: number; readonly sum: number; readonly max: number };
  readonly tokensUsed: number;
  readonly tokensSaved: number;
  /** Calls that could have been answered from what is kept, those that were, and their share, 0 to 1. */
  readonly cacheLookups: number;
  readonly cacheHits: number;
  readonly cacheHitRate: number;
  /** Calls of tools, by how they ended. */
  readonly toolCalls: Readonly<Record<ToolCallEnd["outcome"], number>>;
  /** Programs that were ended because their runtime broke the rules, or whose stored form was no longer whole. */
  readonly sandboxViolations: number;
  readonly executionTimeouts: number;
  /** Values that were cut to their token limit, and requests that a used-up budget refused. */
  readonly tokenLimitExceeded: number;
  /** By name; what is past 200 names, and what does not exist, is `other`. */
  readonly operationsByIntent: Readonly<Record<string, IntentCount>>;
}

/** The engine's own counts: they need no exporter. */
export class Counts implements TraceSink {
  readonly #byStatus = { returned: 0, threw: 0, stopped: 0, suspended: 0, failed: 0 };
  readonly #toolCalls = { ok: 0, error: 0, held: 0 };
  readonly #intents = new Map<string, { requests: number; successes: number }>();
  readonly #limit = createNameLimit(MAX_NAMES);
  #open = 0;
  #time = { count: 0, sum: 0, max: 0 };
  #tokensUsed = 0;
  #tokensSaved = 0;
  #lookups = 0;
  #hits = 0;
  #violations = 0;
  #timeouts = 0;
  #limited = 0;

  get snapshot(): TelemetryCounts {
    const { count } = this.#time;
    const successes = this.#byStatus.returned + this.#byStatus.suspended;
    return {
      requests: count,
      openRequests: this.#open,
      byStatus: { ...this.#byStatus },
      successRate: count === 0 ? 0 : successes / count,
      errorRate: count === 0 ? 0 : (count - successes) / count,
      executionTimeMs: { ...this.#time },
      tokensUsed: this.#tokensUsed,
      tokensSaved: this.#tokensSaved,
      cacheLookups: this.#lookups,
      cacheHits: this.#hits,
      cacheHitRate: this.#lookups === 0 ? 0 : this.#hits / this.#lookups,
      toolCalls: { ...this.#toolCalls },
      sandboxViolations: this.#violations,
      executionTimeouts: this.#timeouts,
      tokenLimitExceeded: this.#limited,
      operationsByIntent: Object.fromEntries(Array.from(this.#intents, ([name, one]) => [name, { ...one }])),
    };
  }

  cacheLookup(hit: boolean): void {
    this.#lookups += 1;
    if (hit) this.#hits += 1;
  }

  begin(): RequestTrace {
    const started = performance.now();
    let name: string | undefined;
    let ended = false;
    this.#open += 1;
    return {
      phase() {},
      kind() {},
      intent: (given) => {
        name = given;
      },
      toolCall: () => ({
        context: undefined,
        end: ({ outcome }) => {
          this.#toolCalls[outcome] += 1;
        },
      }),
      end: (end) => {
        if (ended) return;
        ended = true;
        this.#count(end, this.#limit(name), performance.now() - started);
      },
    };
  }

  #count(end: RequestEnd, intent: string, ms: number): void {
    this.#open -= 1;
    this.#byStatus[end.status] += 1;
    const { count, sum, max } = this.#time;
    this.#time = { count: count + 1, sum: sum + ms, max: Math.max(max, ms) };
    this.#tokensUsed += end.tokens;
    this.#tokensSaved += end.tokensSaved;
    if (isViolation(end)) this.#violations += 1;
    if (isTimeout(end)) this.#timeouts += 1;
    if (end.tokenLimited) this.#limited += 1;
    const one = this.#intents.get(intent) ?? { requests: 0, successes: 0 };
    one.requests += 1;
    if (isSuccess(end)) one.successes += 1;
    this.#intents.set(intent, one);
  }
}

export function isSuccess({ status }: RequestEnd): boolean {
  return status === "returned" || status === "suspended";
}

export function isViolation({ status, kind }: RequestEnd): boolean {
  return (status === "stopped" && kind === "security") || (status === "failed" && kind === "integrity");
}

export function isTimeout({ status, kind }: RequestEnd): boolean {
  return status === "stopped" && kind === "timeout";
}
