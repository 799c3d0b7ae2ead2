// What crosses here: calls of a page's program that the host answers with its own servers. Page and program may ask for
// anything; the tenant's policy, limits and checks decide, as for a program that was sent to the host.

import { TOOL_NAME } from "../capabilities/manifest.ts";
import type { Engine } from "../engine/engine.ts";
import { requireCode } from "../engine/flags.ts";
import type { RunEvent } from "../engine/run-result.ts";
import type { ScopeOutcome } from "../engine/run-scope.ts";
import { traced } from "../engine/traced.ts";
import {
  type GuestCall,
  type GuestReply,
  HELD,
  type Language,
  type SandboxNotice,
} from "../protocol/guest-protocol.ts";
import type { HostToolCall } from "../protocol/host-tool-call.ts";
import { refusal } from "../sandbox/held-calls.ts";
import type { Limits } from "../sandbox/limits.ts";
import type { RunOutcome } from "../sandbox/sandbox.ts";

export interface LendOptions {
  /** The page's name for the session. The host keeps nothing in it but what its programs have seen, for the policy. */
  readonly session: string;
  readonly language: Language;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/** The broker of a tenant's engine, for one program of a page. */
export interface LentBroker {
  readonly namespaces: readonly string[];
  /** Aborts when the program has to end. */
  readonly signal: AbortSignal;
  /** Answers a call of {@link HOST_OPERATIONS}. Resolves for every failure too. */
  call(call: GuestCall, ended: AbortSignal): Promise<LentAnswer>;
  notice(notice: SandboxNotice): void;
}

export interface LentAnswer {
  readonly reply: GuestReply;
  /** Absent where no tool was meant. */
  readonly tool?: HostToolCall;
}

/**
 * Lends the broker until `work` has ended the program. Rejects as `runner.run` does, with 429 when a token budget is
 * used up; then nothing ran.
 */
export type LendBroker = (
  options: LendOptions,
  work: (lent: LentBroker) => Promise<RunOutcome>,
) => Promise<void>;

/** The program waits on the page, which has no word about the host's tools. */
const NEEDS_APPROVAL = {
  message: "The call needs an approval, and a program of a page can't wait for one on its host.",
  kind: "approval_required",
  code: 403,
  hint: "Do without this call. The host itself can wait: for a call, POST /v1/intents/<server>.<tool>; for a program, POST /v1/runs where its sandbox freezes programs.",
} as const;

/** What a program may have seen has to be known to the policy first. */
const NOT_NOTED = {
  message: "The tool answered, and the host could not note that the session has seen it.",
  kind: "storage_unavailable",
  code: 500,
} as const;

export function createBrokerLender({
  scopes,
  flags,
  telemetry,
}: Pick<Engine, "scopes" | "flags" | "telemetry">): LendBroker {
  return async (options, work) => {
    await traced(telemetry, async (trace) => {
      trace?.intent(TOOL_NAME);
      trace?.phase("validate");
      requireCode(flags.current);
      const records = new Map<number, HostToolCall>();
      const onEvent = (event: RunEvent): void => {
        if (event.type === "tool_result") records.set(event.call, toHostCall(event));
      };
      const { language, limits, signal } = options;
      using scope = await scopes.open(
        { session: sessionOf(options.session), limits, signal, onEvent },
        { kind: language, trace, valueStays: true },
      );
      const { broker, policy } = scope;
      // The page's context may hold whatever a program of this session has seen before.
      await policy.reads();
      const outcome = await work({
        namespaces: broker.namespaces,
        signal: scope.signal,
        notice: (notice) => broker.notice(notice),
        async call(call, ended) {
          const tainted = policy.taint.length;
          const answer = await broker.call(call, ended);
          try {
            // And may keep whatever it has seen now.
            if (policy.taint.length > tainted) await policy.writes();
          } catch {
            return { reply: refusal(call, NOT_NOTED) };
          }
          if (answer === HELD) return { reply: refusal(call, NEEDS_APPROVAL), tool: refusedCall(call) };
          const tool = records.get(call.id);
          records.delete(call.id);
          return { reply: answer, ...(tool === undefined ? {} : { tool }) };
        },
      });
      const result = await scope.finish(endOf(outcome));
      // How much of the answers reaches a model is known to the page alone.
      return { ...result, usage: { ...result.usage, tokensSaved: 0 } };
    });
  };
}

/** Sessions of pages are not those of the host, whose names are the tenant's own. */
function sessionOf(session: string): string {
  return `page ${session}`.slice(0, 200);
}

function toHostCall({
  name,
  ms,
  bytes,
  cached,
  error,
}: Extract<RunEvent, { readonly type: "tool_result" }>): HostToolCall {
  return { name, ms: Math.round(ms), bytes, cached, ...(error === undefined ? {} : { error }) };
}

function refusedCall({ target }: GuestCall): HostToolCall {
  const { kind, message } = NEEDS_APPROVAL;
  return { name: target, ms: 0, bytes: 0, cached: false, error: { kind, message, mayHaveExecuted: false } };
}

/** The outcome without its value, which goes to the page. */
function endOf(outcome: RunOutcome): ScopeOutcome {
  const { peakMemoryBytes } = outcome;
  switch (outcome.status) {
    case "returned":
      return { status: "returned", json: "null", peakMemoryBytes };
    case "suspended":
      return { status: "stopped", reason: "crashed", message: "The program was frozen.", peakMemoryBytes };
    case "threw":
    case "stopped":
      return outcome;
  }
}
