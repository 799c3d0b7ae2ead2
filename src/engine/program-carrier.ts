import type { FrozenRun } from "../protocol/frozen-run.ts";
import type { GuestError, GuestPort, Language } from "../protocol/guest-protocol.ts";
import { portWith } from "../sandbox/port-with.ts";
import type { RunOutcome, Sandbox, SandboxRunOptions } from "../sandbox/sandbox.ts";
import type { RunLocks } from "./run-locks.ts";
import type { RunScope, ScopeOutcome } from "./run-scope.ts";
import type { SessionGlobals } from "./session-globals.ts";
import type { SuspendedTask, Suspensions } from "./suspension.ts";

export interface ProgramCarrierOptions {
  readonly suspensions: Suspensions;
  readonly locks: RunLocks;
  readonly globals: SessionGlobals;
}

/** Carries programs out, from their beginning or from where they were frozen, with all that their scope asks for. */
export interface ProgramCarrier {
  carry(
    scope: RunScope,
    sandbox: Sandbox,
    language: Language,
    begin: (port: GuestPort, options: SandboxRunOptions) => Promise<RunOutcome>,
  ): Promise<ScopeOutcome>;
}

export function createProgramCarrier({ suspensions, locks, globals }: ProgramCarrierOptions): ProgramCarrier {
  return {
    async carry(scope, sandbox, language, begin) {
      const taskOf = (frozen: FrozenRun) =>
        ({ type: "program", sandbox: sandbox.traits.name, frozen }) as const;
      const start = (port: GuestPort, options: SandboxRunOptions): Promise<RunOutcome> =>
        globals.around(scope, sandbox, language, (globalsOptions) =>
          begin(port, { ...globalsOptions, ...options }),
        );
      const outcome = await (scope.durable
        ? runDurably(scope, suspensions, locks, taskOf, start)
        : start(scope.broker, {}));
      return outcome.status === "suspended"
        ? { status: "suspended", task: taskOf(outcome.frozen), peakMemoryBytes: outcome.peakMemoryBytes }
        : outcome;
    },
  };
}

/**
 * A durable run is kept each time that it waits for tools, so that it can go on when its tab is closed. What
 * is kept is given up before the next call is sent: gone on with from there, the program would make that call
 * a second time without knowing.
 */
async function runDurably(
  scope: RunScope,
  suspensions: Suspensions,
  locks: RunLocks,
  taskOf: (frozen: FrozenRun) => SuspendedTask,
  start: (port: GuestPort, options: SandboxRunOptions) => Promise<RunOutcome>,
): Promise<RunOutcome> {
  const token = suspensions.tokenFor(scope.session);
  const release = await locks.hold(token);
  /** Steps of keeping and giving up come one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  let isKept = false;
  const giveUp = (): Promise<void> => {
    if (!isKept) return Promise.resolve();
    isKept = false;
    const step = last.then(() => suspensions.forget(token));
    last = step.catch(() => undefined);
    return step;
  };
  const keep = (frozen: FrozenRun): void => {
    isKept = true;
    const run = scope.suspend(taskOf(frozen));
    // Without room the program goes on as any other does: it is only not kept.
    last = last.then(() => suspensions.restore(token, run)).catch(() => undefined);
  };
  const port = portWith(scope.broker, {
    async call(call, signal) {
      try {
        await giveUp();
      } catch {
        return { ok: false, error: NOT_SENT };
      }
      return scope.broker.call(call, signal);
    },
  });
  try {
    return await start(port, { onCheckpoint: keep });
  } finally {
    await giveUp().catch(() => undefined);
    await last;
    release();
  }
}

const NOT_SENT: GuestError = {
  name: "ToolError",
  message: "The call was not sent: what is kept of the run could not be brought up to date.",
  kind: "storage_failed",
  code: 500,
  hint: "The same call may succeed later.",
};
