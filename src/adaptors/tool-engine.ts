// What every adaptor has in common. A framework hands in what a model wrote, and says what a person decided;
// the model's word is never a decision.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { Optimizer } from "../create-optimizer.ts";
import { type ModelOutput, toModelFailure, toModelOutput } from "../engine/model-output.ts";
import type { Decisions } from "../engine/resumer.ts";
import type { RunOptions } from "../engine/run-scope.ts";
import type { ApprovalRequest, Decision } from "../tools/approval.ts";

/** What an adaptor needs of an optimizer. */
export type ToolEngine = Pick<Optimizer, "tool" | "resume" | "suspended">;

/** How the programs of a framework's agent run. Its abort signals are passed on by themselves. */
export type AdaptorOptions = Omit<RunOptions, "signal">;

/** Asks a person about the calls of a suspended run. What it throws is passed on, and the run waits on. */
export type Decide = (approvals: readonly ApprovalRequest[]) => Decisions | Promise<Decisions>;

/** What a framework shows to people where a tool asks them: the answer is decisions as `optimizer.resume` takes them. */
export interface ApprovalInterrupt {
  readonly approvals: readonly ApprovalRequest[];
}

/** The second tool, where a framework asks people about calls of tools: calling it is what they approve. */
export const RESUME_TOOL = {
  name: "resume_run",
  description:
    'Goes on with a program that is "suspended": give its "resume". A person is shown what it wants to do, and decides.',
} as const;

/** Its schema: a copy, since the frameworks' types want to own it. */
export function resumeSchema(): {
  type: "object";
  properties: { resume: { type: "string" } };
  required: string[];
} {
  return { type: "object", properties: { resume: { type: "string" } }, required: ["resume"] };
}

/** Runs what the model wrote. */
export function runTool(
  { tool }: Pick<ToolEngine, "tool">,
  input: unknown,
  options: AdaptorOptions,
  signal: AbortSignal | undefined,
): Promise<ModelOutput> {
  return tool.execute(input, { ...options, ...(signal === undefined ? {} : { signal }) });
}

/** The same; a person decides about calls that need a word before it resolves, as often as there are some. */
export async function runToolAsking(
  engine: ToolEngine,
  input: unknown,
  decide: Decide,
  options: AdaptorOptions,
  signal: AbortSignal | undefined,
): Promise<ModelOutput> {
  let output = await runTool(engine, input, options, signal);
  while (output.status === "suspended") output = await resumeRun(engine, output, decide, options, signal);
  return output;
}

/**
 * Goes on with a suspended run of the session, by the input of {@link RESUME_TOOL}. Rejects with what `decide` throws, or with the
 * signal's reason; every other failure is an output.
 */
export async function resumeRun(
  engine: ToolEngine,
  input: unknown,
  decide: Decide,
  options: AdaptorOptions,
  signal: AbortSignal | undefined,
): Promise<ModelOutput> {
  const approvals = await findApprovals(engine, input, options);
  if (approvals === undefined) return toModelFailure(unknownRun());
  const decisions = await decide(approvals);
  signal?.throwIfAborted();
  const { onEvent } = options;
  try {
    const result = await engine.resume(readToken(input), decisions, {
      ...(onEvent === undefined ? {} : { onEvent }),
      ...(signal === undefined ? {} : { signal }),
    });
    return toModelOutput(result);
  } catch (error) {
    return toModelFailure(error);
  }
}

/** What the run wants to do that an input of {@link RESUME_TOOL} names: from the engine, not from the model. */
export async function findApprovals(
  engine: Pick<ToolEngine, "suspended">,
  input: unknown,
  { session }: AdaptorOptions,
): Promise<readonly ApprovalRequest[] | undefined> {
  const token = readToken(input);
  return (await engine.suspended(session)).find(({ resume }) => resume === token)?.approvals;
}

/** One word for all calls. */
export function decideAll(
  approvals: readonly ApprovalRequest[],
  allow: boolean,
  message?: string,
): Decisions {
  const decision = { allow, ...(message === undefined ? {} : { message }) };
  return Object.fromEntries(approvals.map(({ id }) => [id, decision]));
}

/** Reads what people answered, as a framework brings it. What is no decision is left out, and the engine asks for it. */
export function parseDecisions(value: unknown): Decisions {
  return Object.fromEntries(
    Object.entries(isJsonObject(value) ? value : {}).flatMap(([id, given]): [string, Decision][] => {
      if (!isJsonObject(given) || typeof given.allow !== "boolean") return [];
      const { allow, remember, message } = given;
      return [
        [
          id,
          {
            allow,
            ...(typeof remember === "boolean" ? { remember } : {}),
            ...(typeof message === "string" ? { message } : {}),
          },
        ],
      ];
    }),
  );
}

/** What a model hears that calls {@link RESUME_TOOL} where no person was asked. */
export function notApproved(): ModelOutput {
  return toModelFailure(
    new OptimizerError("Nobody has approved that this run goes on.", {
      code: 403,
      kind: "approval_required",
      hint: "Only a person can: tell the user that a decision is needed.",
    }),
  );
}

function readToken(input: unknown): string {
  const token: unknown =
    typeof input === "object" && input !== null ? Reflect.get(input, "resume") : undefined;
  return typeof token === "string" ? token : "";
}

function unknownRun(): OptimizerError {
  return new OptimizerError("No run of this session waits under this token.", {
    code: 400,
    kind: "unknown_token",
    hint: 'Give the "resume" of the last answer that was "suspended".',
  });
}
