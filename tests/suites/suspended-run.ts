import { expect } from "vitest";
import type { FrozenRun } from "../../src/protocol/frozen-run.ts";
import { HELD } from "../../src/protocol/guest-protocol.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import type { ResumeOptions, RunOutcome } from "../../src/sandbox/sandbox.ts";
import { type RecordingPort, recordingPort } from "./recording-port.ts";
import type { CaseRunOptions, SandboxPlace } from "./sandbox-case.ts";

type Suspended = Extract<RunOutcome, { readonly status: "suspended" }>;

interface ResumeCase extends ResumeOptions, Pick<CaseRunOptions, "limits" | "signal" | "sandbox"> {
  readonly port?: RecordingPort;
  readonly session?: string;
}

/** A port that holds the calls of `srv.ask` and gives every other its arguments back. */
export function askingPort(): RecordingPort {
  return recordingPort(({ target, args }) => (target === "srv.ask" ? HELD : { ok: true, json: args }));
}

/** Runs a program that must be suspended. */
export async function suspend(
  place: SandboxPlace,
  code: string,
  options: CaseRunOptions = {},
): Promise<Suspended> {
  const outcome = await place.run(code, { port: askingPort(), ...options });
  if (outcome.status !== "suspended")
    expect.fail(`The program was not suspended: ${JSON.stringify(outcome)}`);
  return outcome;
}

export async function resume(
  place: SandboxPlace,
  frozen: FrozenRun,
  options: ResumeCase = {},
): Promise<RunOutcome> {
  const {
    limits,
    port = askingPort(),
    session = "suite",
    signal,
    sandbox = place.sandbox,
    ...rest
  } = options;
  await using opened = sandbox.open(session, resolveLimits(limits));
  if (opened.resume === undefined) expect.fail("The sandbox can't resume.");
  return await opened.resume(frozen, port, signal ?? new AbortController().signal, rest);
}

/** The value of a program that must return. */
export async function resumedValue(
  place: SandboxPlace,
  frozen: FrozenRun,
  options: ResumeCase,
): Promise<unknown> {
  const outcome = await resume(place, frozen, options);
  if (outcome.status !== "returned") expect.fail(`The program did not return: ${JSON.stringify(outcome)}`);
  return JSON.parse(outcome.json);
}

export const yes = (id: number, value: unknown = "yes") =>
  ({ id, ok: true, json: JSON.stringify(value) }) as const;
