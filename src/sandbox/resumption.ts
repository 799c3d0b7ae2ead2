import { OptimizerError } from "../base/errors.ts";
import { type FrozenRun, requireSealed, unknownOutcome } from "../protocol/frozen-run.ts";
import type { GuestCall, NumberedReply } from "../protocol/guest-protocol.ts";
import { engineOf } from "./freezer.ts";
import type { ResumeOptions } from "./sandbox.ts";

/** How a frozen program goes on: what becomes of each call that was open. */
export interface Resumption {
  readonly frozen: FrozenRun;
  /** Answered at once. */
  readonly replies: readonly NumberedReply[];
  /** Put to the port again. */
  readonly again: readonly GuestCall[];
  /** Still waiting for somebody's decision. */
  readonly held: readonly GuestCall[];
}

/** How a frozen run of this session goes on, with an engine of these digests. Rejects as `SandboxSession.resume` says. */
export async function requireResumption(
  frozen: FrozenRun,
  options: ResumeOptions,
  owner: { readonly frozenBy: readonly string[]; readonly session: string },
): Promise<Resumption> {
  const resumption = resolveResumption(frozen, options);
  await requireSealed(frozen, { engine: await engineOf(owner.frozenBy), session: owner.session });
  return resumption;
}

/** Sorts the open calls of a frozen run. Throws 400 for options that name a call twice, or one that is not open. */
function resolveResumption(frozen: FrozenRun, { replies = [], again = [] }: ResumeOptions): Resumption {
  const open = new Set(frozen.calls.map(({ id }) => id));
  const named = [...replies.map(({ id }) => id), ...again];
  const stranger = named.find((id, at) => !open.has(id) || named.indexOf(id) !== at);
  if (stranger !== undefined) {
    throw new OptimizerError(`The frozen run can't be resumed with the call ${stranger}.`, {
      code: 400,
      kind: "invalid_resume",
      hint: "Give each open call of the run one reply, or name it once to be made again.",
    });
  }
  const repeated = new Set(again);
  const rest = frozen.calls.filter(({ id }) => !named.includes(id));
  return {
    frozen,
    // What was under way is told to the program, and never repeated without being asked to.
    replies: [...replies, ...rest.filter(({ held }) => !held).map(unknownOutcome)],
    again: frozen.calls.filter(({ id }) => repeated.has(id)).map(asMade),
    held: rest.filter(({ held }) => held).map(asMade),
  };
}

/** The call as the program made it. */
function asMade({ id, operation, target, args }: GuestCall): GuestCall {
  return { id, operation, target, args };
}
