import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import type { Program } from "../protocol/guest-protocol.ts";
import type { Sandbox, SandboxSession } from "../sandbox/sandbox.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import type { ApprovalRequest, Decision } from "../tools/approval.ts";
import type { MadeDecision } from "../tools/policy.ts";
import { type FlagStore, requireCode } from "./flags.ts";
import type { ProgramCarrier } from "./program-carrier.ts";
import type { RunLocks } from "./run-locks.ts";
import type { RunResult } from "./run-result.ts";
import type { RunOptions, RunScope, RunScopes, ScopeOutcome } from "./run-scope.ts";
import type { SuspendedRun, Suspensions } from "./suspension.ts";
import { callTool } from "./tool-runner.ts";
import { traced } from "./traced.ts";

/** What was decided, by the id of each approval. */
export type Decisions = Readonly<Record<string, Decision>>;

/** A run that waits, for people. */
export interface SuspendedInfo {
  readonly resume: string;
  readonly runId: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly suspendedAt: number;
  /** What it wants to do; none when its tab was closed while it waited for tools. */
  readonly approvals: readonly ApprovalRequest[];
}

export interface ResumerOptions {
  readonly suspensions: Suspensions;
  readonly scopes: RunScopes;
  readonly sandboxes: readonly Sandbox[];
  readonly carrier: ProgramCarrier;
  readonly flags: FlagStore;
  readonly locks: RunLocks;
  readonly telemetry: Pick<Telemetry, "begin">;
  /** Hears of each program that ended, and how. */
  readonly onFinished: (result: RunResult, program: Program) => void;
}

/** How a resumed run differs from a fresh one: its session, limits and budget are those that it had. */
export type ResumeRunOptions = Pick<RunOptions, "signal" | "onEvent">;

/** Goes on with suspended runs. */
export interface Resumer {
  /**
   * Rejects with 400: `unknown_token`, `missing_decision` and `run_is_live` (the run waits on), `snapshot_outdated`. With 429
   * `token_budget_exceeded`, and with 500 when no sandbox can be set up: the run waits on. Every other end is a result.
   */
  resume(token: string, decisions: Decisions, options?: ResumeRunOptions): Promise<RunResult>;
  /** The runs of a session that wait. Those that a tab carries out now, or that can't be read, are left out. */
  list(session: string): Promise<readonly SuspendedInfo[]>;
}

export function createResumer(options: ResumerOptions): Resumer {
  const { suspensions, scopes, sandboxes, carrier, flags, locks, telemetry, onFinished } = options;
  const goOn = async (scope: RunScope, run: SuspendedRun): Promise<ScopeOutcome> => {
    const { task, approvals } = run;
    if (task.type === "tool") return callTool(scope, task.ref, task.args);
    const sandbox = requireSandbox(sandboxes, task.sandbox);
    await using place = sandbox.open(scope.session, scope.limits);
    const again = approvals.map(({ call }) => call);
    requireResume(place, task.sandbox);
    return await carrier.carry(scope, sandbox, task.frozen.program.language, (port, sandboxOptions) =>
      place.resume(task.frozen, port, scope.signal, { ...sandboxOptions, again }),
    );
  };

  const resumeWithin = async (
    trace: RequestTrace | undefined,
    token: string,
    decisions: Decisions,
    resumeOptions: ResumeRunOptions,
  ): Promise<RunResult> => {
    trace?.intent("resume");
    trace?.phase("validate");
    const run = await suspensions.peek(token);
    if (run.task.type === "program") requireCode(flags.current);
    if (await locks.isHeld(token)) throw isLive();
    const made = readDecisions(run.approvals, decisions);
    const { session, limits, maxTokens, durable, tools } = run;
    const kept = { session, limits, maxTokens, durable, ...(tools === undefined ? {} : { tools }) };
    const program = run.task.type === "program" ? run.task.frozen.program : undefined;
    const kind = program?.language ?? "tool";
    const given = program === undefined ? {} : { program };
    const request = { kind, trace, ...given, resumed: { run, decisions: made } } as const;
    using scope = await scopes.open({ ...resumeOptions, ...kept }, request);
    await suspensions.take(token);
    try {
      const result = await scope.finish(await goOn(scope, run));
      if (program !== undefined) onFinished(result, program);
      return result;
    } catch (error) {
      // Nothing ran: somebody may try again.
      if ((findOptimizerError(error)?.code ?? 500) === 500) await suspensions.restore(token, run);
      throw error;
    }
  };

  return {
    resume: (token, decisions, resumeOptions = {}) =>
      traced(telemetry, (trace) => resumeWithin(trace, token, decisions, resumeOptions)),

    async list(session) {
      const tokens = await suspensions.list(session);
      const runs = await Promise.all(
        tokens.map(async (resume) => {
          if (await locks.isHeld(resume)) return [];
          const run = await suspensions.peek(resume).catch(() => undefined);
          if (run === undefined) return [];
          const { runId, suspendedAt, approvals } = run;
          return [{ resume, runId, session, suspendedAt, approvals }];
        }),
      );
      return runs.flat();
    },
  };
}

function isLive(): OptimizerError {
  return new OptimizerError("The run goes on in another tab.", {
    code: 400,
    kind: "run_is_live",
    hint: "Look for it there, or close that tab.",
  });
}

function readDecisions(
  approvals: readonly ApprovalRequest[],
  decisions: Decisions,
): ReadonlyMap<number, MadeDecision> {
  const made = new Map<number, MadeDecision>();
  for (const approval of approvals) {
    const decision = Object.hasOwn(decisions ?? {}, approval.id) ? decisions[approval.id] : undefined;
    if (typeof decision?.allow !== "boolean") {
      throw new OptimizerError(`There is no decision about ${approval.id}, a call of ${approval.tool}.`, {
        code: 400,
        kind: "missing_decision",
        hint: "Give each approval of the run one: { [approval.id]: { allow: true } }.",
      });
    }
    made.set(approval.call, { decision, request: approval });
  }
  return made;
}

function requireSandbox(sandboxes: readonly Sandbox[], name: string): Sandbox {
  const sandbox = sandboxes.find(({ traits }) => traits.name === name);
  if (sandbox !== undefined) return sandbox;
  throw new OptimizerError(`The run began in the sandbox ${name}, which is not there.`, {
    code: 400,
    kind: "unknown_sandbox",
    hint: "Configure it again, or run the program anew.",
  });
}

function requireResume(
  place: SandboxSession,
  name: string,
): asserts place is SandboxSession & Required<Pick<SandboxSession, "resume">> {
  if (place.resume !== undefined) return;
  throw new OptimizerError(`The sandbox ${name} can't go on with a run.`, {
    code: 400,
    kind: "snapshot_outdated",
    hint: "Run the program again from its beginning.",
  });
}
