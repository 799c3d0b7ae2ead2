import type { ErrorCode } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";
import { reportUncaught } from "../base/report-uncaught.ts";
import type { TokenCounter } from "../base/tokens.ts";
import { settleBefore } from "../base/waits.ts";
import { createHandles } from "../context/handles.ts";
import type { Program, ProgramError } from "../protocol/guest-protocol.ts";
import { type Limits, resolveLimits } from "../sandbox/limits.ts";
import type { RunOutcome } from "../sandbox/sandbox.ts";
import type { RunRecord } from "../sessions/run-log.ts";
import { requireSessionName } from "../sessions/session-names.ts";
import type { SessionKeeper } from "../sessions/sessions.ts";
import type { AuditTrail } from "../telemetry/audit/audit-trail.ts";
import type { Phase, RequestTrace } from "../telemetry/trace.ts";
import type { ArgumentChecker } from "../tools/arguments.ts";
import { type Broker, createBroker } from "../tools/broker.ts";
import type { Catalog } from "../tools/catalog.ts";
import type { FindObserved } from "../tools/observed-shapes.ts";
import type { MadeDecision, Policy, RunPolicy } from "../tools/policy.ts";
import type { CallTool } from "../tools/tool-answer.ts";
import { auditEntries } from "./audit-events.ts";
import { type FittedValue, fitValue } from "./fit-value.ts";
import { type FlagStore, MIN_TOKENS_PER_REQUEST } from "./flags.ts";
import type { OpenArea } from "./open-area.ts";
import { invalidRequest } from "./program-input.ts";
import { toRunRecord } from "./run-record.ts";
import { type RunEvent, type RunFacts, type RunResult, STOPS } from "./run-result.ts";
import type { RunWatchers } from "./run-watch.ts";
import { spendTokens } from "./spend-tokens.ts";
import type { SuspendedRun, SuspendedTask, Suspensions } from "./suspension.ts";
import type { TokenBudgets } from "./token-budgets.ts";

/** What one run may differ in. */
export interface RunOptions {
  readonly limits?: Partial<Limits>;
  /** Name of the sandbox to run in, such as `native`. Default: the first that runs the program's language. */
  readonly sandbox?: string;
  /** Runs of one session share `context`: an id of `optimizer.sessions.create`, or any plain name. Default `default`. */
  readonly session?: string;
  readonly signal?: AbortSignal;
  /** Hears what happens while it happens. What it throws is reported and changes nothing. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Most tokens of the value, at least 16. Default: the optimizer's `flags.maxTokensPerRequest`. */
  readonly maxTokens?: number;
  /** Refs of the only tools that the program may call. Default: all that the policy allows. */
  readonly tools?: readonly string[];
  /**
   * Keeps the program while it waits for tools, so that `optimizer.resume` goes on with it when its tab was
   * closed. Only where the sandbox can freeze a program, as `quickjs()` can. Default false.
   */
  readonly durable?: boolean;
}

export interface RunScopeOptions {
  readonly catalog: Catalog;
  readonly openArea: OpenArea;
  readonly sessions: Pick<SessionKeeper, "enter" | "leave" | "note">;
  readonly policy: Policy;
  readonly suspensions: Suspensions;
  readonly budgets: TokenBudgets;
  readonly callTool: CallTool;
  /** What tools without an output schema returned so far. */
  readonly findObserved: FindObserved;
  readonly countTokens: TokenCounter;
  readonly limits: Partial<Limits>;
  readonly flags: FlagStore;
  /** Loaded by the first call: a page that makes none has less to fetch. */
  readonly loadChecker: () => Promise<ArgumentChecker>;
  /** Whose runs they are, for the audit. */
  readonly tenant: string | undefined;
  /** Absent where nothing is audited. */
  readonly audit: Pick<AuditTrail, "note"> | undefined;
  readonly watchers: Pick<RunWatchers, "open">;
  /** Hears of each call that succeeded, and how much it brought. Bytes of JSON. */
  readonly onToolResult: (ref: string, bytes: number) => void;
}

/** What surrounds one run, whatever carries it out: its limits, its broker, its end. */
export interface RunScope extends Disposable {
  readonly runId: string;
  readonly session: string;
  /** Its program is kept while it waits. */
  readonly durable: boolean;
  /** Its programs begin with the globals of the one before. */
  readonly keepsGlobals: boolean;
  readonly limits: Limits;
  readonly broker: Broker;
  readonly policy: RunPolicy;
  /** Aborts when the caller gives up, and when the engine closes. */
  readonly signal: AbortSignal;
  /** The run as it is kept until it goes on. */
  suspend(task: SuspendedTask): SuspendedRun;
  /** Makes the result of an outcome: fits the value to the budget, and tells that the run is over. */
  finish(outcome: ScopeOutcome): Promise<RunResult>;
}

/** What became of a run: an outcome, or what goes on when somebody has decided. */
export type ScopeOutcome =
  | Exclude<RunOutcome, { readonly status: "suspended" }>
  | { readonly status: "suspended"; readonly task: SuspendedTask; readonly peakMemoryBytes: number };

/** A run that goes on, and what was decided about its calls. */
export interface ResumedRun {
  readonly run: SuspendedRun;
  readonly decisions: ReadonlyMap<number, MadeDecision>;
}

/** What a scope is opened for. */
export interface ScopeRequest {
  readonly kind: RunRecord["kind"];
  /** Absent while nothing is measured. */
  readonly trace: RequestTrace | undefined;
  /** Absent where a tool is called without one. */
  readonly program?: Program;
  readonly resumed?: ResumedRun;
  /** What the program returns goes to somebody who fits and counts it: the result is without it. */
  readonly valueStays?: boolean;
}

/** Opens the scopes of runs. Disposing it aborts all of them, and waits a moment until they have ended. */
export interface RunScopes extends AsyncDisposable {
  /** The limits of a run. Throws 400. */
  limitsOf(options: RunOptions): Limits;
  /** Rejects with 400 for options that make no sense and for a session that has ended, and with 429 when a token budget is used up. */
  open(options: RunOptions, request: ScopeRequest): Promise<RunScope>;
}

/** A result without a value. */
const NOTHING_FITTED: FittedValue = { value: null, tokens: 0 };

/** How long closing waits for runs that were aborted, so that their end is noted. Milliseconds. */
const ENDING_MS = 500;

/** Bytes of JSON that stand for one token: answers of tools are estimated, counting megabytes would take longer than the run. */
const BYTES_PER_TOKEN = 4;

export function createRunScopes(options: RunScopeOptions): RunScopes {
  const { catalog, openArea, sessions, policy, budgets, callTool, findObserved, countTokens, loadChecker } =
    options;
  const { tenant, audit } = options;
  const running = new Map<AbortController, PromiseWithResolvers<void>>();
  const limitsOf = (runOptions: RunOptions): Limits => resolveLimits(options.limits, runOptions.limits);

  /** A program that took a result for something else learns what its tools return. */
  const withHint = async (
    outcome: ScopeOutcome,
    broker: Broker,
    kind: RunRecord["kind"],
  ): Promise<ScopeOutcome> => {
    if (outcome.status !== "threw" || outcome.error.hint !== undefined || broker.records.length === 0)
      return outcome;
    const { misreadHint } = await import("../tools/observed-hint.ts");
    const names = new Set(broker.records.filter(({ error }) => error === undefined).map(({ name }) => name));
    const called = [...names].flatMap((name) => catalog.find(name) ?? []);
    const hint = misreadHint(outcome.error.name, called, findObserved, writtenIn(kind));
    return hint === undefined ? outcome : { ...outcome, error: { ...outcome.error, hint } };
  };

  return {
    limitsOf,

    async open(runOptions, { kind, trace, program, resumed, valueStays = false }) {
      trace?.kind(kind);
      const started = performance.now();
      const at = Date.now();
      const { maxTokensPerRequest } = options.flags.current;
      const limits = limitsOf(runOptions);
      const session = requireSessionName(runOptions.session);
      const maxTokens = requireMaxTokens(runOptions.maxTokens ?? maxTokensPerRequest);
      await budgets.require(session);
      const { keepGlobals } = await sessions.enter(session, limits.timeoutMs + limits.toolWaitMs);
      const before = resumed?.run;
      const runId = before?.runId ?? crypto.randomUUID();
      const watched = { runId, session, kind, resumed: before !== undefined, options: runOptions };
      const watch = options.watchers.open(program === undefined ? watched : { ...watched, program });
      const phase = (next: Phase | undefined): void => {
        trace?.phase(next);
        watch?.phase(next);
      };
      const place = { run: runId, session, ...(tenant === undefined ? {} : { tenant }) };
      const isTool = (name: string): boolean => catalog.find(name) !== undefined;
      const runPolicy = policy.open({
        runId,
        session,
        taint: before?.taint ?? [],
        decisions: resumed?.decisions ?? new Map(),
        onDecision: ({ allowed, ...decision }) =>
          audit?.note({ type: allowed ? "approved" : "denied", ...place, ...decision }),
        ...(runOptions.tools === undefined ? {} : { only: new Set(runOptions.tools) }),
      });
      const handles = createHandles(openArea(session, "handles"));
      const fitTo = (value: Json, tokens: number): Promise<FittedValue> =>
        fitValue(value, {
          maxTokens: tokens,
          countTokens,
          language: writtenIn(kind),
          keep: async (type, part) => {
            await runPolicy.writes();
            return handles.put(type, part);
          },
        });
      const emit = (event: RunEvent): void => {
        watch?.event(event);
        followPhases(phase, event);
        if (audit !== undefined)
          for (const entry of auditEntries(place, event, { kind, isTool })) audit.note(entry);
        try {
          runOptions.onEvent?.(event);
        } catch (error) {
          reportUncaught(error);
        }
      };
      const broker = createBroker({
        catalog,
        context: openArea(session),
        handles,
        callTool: watch?.around(callTool) ?? callTool,
        findObserved,
        countTokens,
        loadChecker,
        maxMessageBytes: limits.maxMessageBytes,
        maxDescribeTokens: maxTokensPerRequest,
        language: writtenIn(kind),
        policy: runPolicy,
        ...(before === undefined ? {} : { before: { records: before.toolCalls, logs: before.logs } }),
        onEvent: emit,
        trace,
      });
      const durable = runOptions.durable === true;
      const suspend = (task: SuspendedTask): SuspendedRun => ({
        runId,
        session,
        suspendedAt: Date.now(),
        task,
        approvals: [...broker.approvals],
        taint: runPolicy.taint,
        logs: [...broker.logs],
        toolCalls: [...broker.records],
        limits,
        maxTokens,
        durable,
        ...(runOptions.tools === undefined ? {} : { tools: runOptions.tools }),
      });
      phase(kind === "tool" ? undefined : "queue");
      emit({ type: "started", runId, session });
      const closing = new AbortController();
      running.set(closing, Promise.withResolvers());
      return {
        runId,
        session,
        durable,
        keepsGlobals: keepGlobals,
        limits,
        broker,
        policy: runPolicy,
        signal:
          runOptions.signal === undefined
            ? closing.signal
            : AbortSignal.any([runOptions.signal, closing.signal]),
        suspend,
        async finish(outcome) {
          phase("fit");
          for (const { name, bytes, error } of broker.records.slice(before?.toolCalls.length)) {
            if (error === undefined) options.onToolResult(name, bytes);
          }
          const keep = (task: SuspendedTask): Promise<string> =>
            handles.giveWay(() => options.suspensions.put(suspend(task)));
          const end = await withHint(outcome, broker, kind);
          const facts = { runId, session, started, keep };
          const result = await (valueStays
            ? toResult(end, broker, { ...facts, fitValue: async () => NOTHING_FITTED })
            : spendTokens({ budgets, countTokens, session, maxTokens }, (tokens) =>
                toResult(end, broker, { ...facts, fitValue: (value) => fitTo(value, tokens) }),
              ));
          phase("respond");
          const callsBefore = before?.toolCalls.length;
          sessions.note(
            session,
            toRunRecord(result, { at, kind, approvals: runPolicy.approvals, callsBefore }),
          );
          emit({ type: "finished", result });
          return result;
        },
        [Symbol.dispose]() {
          sessions.leave(session);
          running.get(closing)?.resolve();
          running.delete(closing);
        },
      };
    },

    async [Symbol.asyncDispose]() {
      for (const run of running.keys()) run.abort();
      const ended = Promise.all(Array.from(running.values(), ({ promise }) => promise));
      await settleBefore(ended, AbortSignal.timeout(ENDING_MS)).catch(() => undefined);
    },
  };
}

/** A sandbox tells how far it is. */
function followPhases(phase: (next: Phase) => void, event: RunEvent): void {
  if (event.type === "running") phase("guest");
  else if (event.type === "preparing" && event.step === "loading") phase("sandbox boot");
}

interface ResultContext {
  readonly runId: string;
  readonly session: string;
  readonly started: number;
  readonly fitValue: (value: Json) => Promise<FittedValue>;
  /** Keeps the run and resolves with its token. */
  readonly keep: (task: SuspendedTask) => Promise<string>;
}

async function toResult(outcome: ScopeOutcome, broker: Broker, context: ResultContext): Promise<RunResult> {
  const facts = (tokens: number): RunFacts => ({
    runId: context.runId,
    session: context.session,
    logs: broker.logs,
    toolCalls: broker.records,
    usage: {
      durationMs: performance.now() - context.started,
      tokens,
      tokensSaved:
        outcome.status === "returned"
          ? Math.max(0, Math.round(answerBytes(broker) / BYTES_PER_TOKEN) - tokens)
          : 0,
      peakMemoryBytes: outcome.peakMemoryBytes,
    },
  });
  switch (outcome.status) {
    case "returned": {
      const value = parseJson(outcome.json);
      if (value === undefined)
        return stopped("security", "The runtime returned text that is no JSON.", facts(0));
      const { value: fitted, tokens, truncated } = await context.fitValue(value);
      return {
        status: "returned",
        value: fitted,
        ...(truncated === undefined ? {} : { truncated }),
        ...facts(tokens),
      };
    }
    case "threw":
      return { status: "threw", error: { ...outcome.error, code: codeOf(outcome.error) }, ...facts(0) };
    case "stopped":
      return stopped(outcome.reason, outcome.message, facts(0));
    case "suspended": {
      const resume = await context.keep(outcome.task);
      return { status: "suspended", approvals: broker.approvals, resume, ...facts(0) };
    }
    default:
      return outcome satisfies never;
  }
}

function stopped(reason: keyof typeof STOPS, message: string, facts: RunFacts): RunResult {
  return { status: "stopped", reason, message, ...STOPS[reason], ...facts };
}

function writtenIn(kind: RunRecord["kind"]): "typescript" | "python" {
  return kind === "python" ? "python" : "typescript";
}

function answerBytes(broker: Broker): number {
  return broker.records.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The kinds of failure whose class is not 500. */
const CODES = new Map<string, ErrorCode>([
  ["syntax", 400],
  ["invalid_value", 400],
  ["never_settles", 400],
  ["unknown_tool", 400],
  ["unknown_handle", 400],
  ["invalid_arguments", 400],
  ["result_too_large", 429],
  ["context_full", 429],
  ["storage_full", 429],
  ["forbidden", 403],
  ["denied", 403],
  ["approval_required", 403],
  ["tool_timeout", 408],
  ["cancelled", 408],
  ["sign_in_required", 403],
  ["insufficient_scope", 403],
]);

function codeOf(error: ProgramError): ErrorCode {
  return CODES.get(error.kind) ?? 500;
}

function requireMaxTokens(maxTokens: number): number {
  if (Number.isInteger(maxTokens) && maxTokens >= MIN_TOKENS_PER_REQUEST) return maxTokens;
  throw invalidRequest(`\`maxTokens\` must be a whole number of at least ${MIN_TOKENS_PER_REQUEST}.`);
}
