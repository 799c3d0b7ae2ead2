import { expect } from "vitest";
import type { Language, ProgramError } from "../../src/protocol/guest-protocol.ts";
import { type Limits, resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { type RecordingPort, recordingPort } from "./recording-port.ts";

/** One thing that every sandbox does. */
export interface SandboxCase {
  /** Unique in the suite; skips name it. */
  readonly name: string;
  /** The case is for sandboxes that run this language. */
  readonly language: Language;
  /** The case is for sandboxes that freeze programs, or for those that don't. Absent: for all. */
  readonly freezes?: boolean;
  /** The same for sandboxes that keep globals. */
  readonly keepsGlobals?: boolean;
  run(place: SandboxPlace): Promise<void>;
}

export interface CaseRunOptions {
  readonly limits?: Partial<Limits>;
  readonly inputs?: unknown;
  readonly port?: RecordingPort;
  readonly signal?: AbortSignal;
  readonly sandbox?: Sandbox;
}

/** What a case works with. */
export interface SandboxPlace {
  /** Shared by all cases of the suite. */
  readonly sandbox: Sandbox;
  /** Makes a sandbox for this case alone. The case disposes it. */
  create(options: { readonly maxWorkers?: number }): Sandbox;
  run(code: string, options?: CaseRunOptions): Promise<RunOutcome>;
  /** The value of a program that must return. */
  value(code: string, options?: CaseRunOptions): Promise<unknown>;
  /** The error of a program that must throw. */
  error(code: string, options?: CaseRunOptions): Promise<ProgramError>;
}

/** A place where programs are written in `language`. */
export function createPlace(
  sandbox: Sandbox,
  language: Language,
  create: SandboxPlace["create"],
): SandboxPlace {
  const run = async (code: string, options: CaseRunOptions = {}): Promise<RunOutcome> => {
    const { limits, inputs = {}, port = recordingPort(), signal = new AbortController().signal } = options;
    await using session = (options.sandbox ?? sandbox).open("suite", resolveLimits(limits));
    return await session.run({ language, code, inputs: JSON.stringify(inputs) }, port, signal);
  };
  return {
    sandbox,
    create,
    run,
    async value(code, options) {
      const outcome = await run(code, options);
      if (outcome.status !== "returned")
        expect.fail(`The program did not return: ${JSON.stringify(outcome)}`);
      return JSON.parse(outcome.json);
    },
    async error(code, options) {
      const outcome = await run(code, options);
      if (outcome.status !== "threw") expect.fail(`The program did not throw: ${JSON.stringify(outcome)}`);
      return outcome.error;
    },
  };
}

export function javascript(name: string, run: SandboxCase["run"]): SandboxCase {
  return { name, language: "javascript", run };
}

export function typescript(name: string, run: SandboxCase["run"]): SandboxCase {
  return { name, language: "typescript", run };
}

export function python(name: string, run: SandboxCase["run"]): SandboxCase {
  return { name, language: "python", run };
}
