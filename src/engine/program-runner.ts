import { OptimizerError } from "../base/errors.ts";
import { TOOL_NAME } from "../capabilities/manifest.ts";
import type { Language, Program } from "../protocol/guest-protocol.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { type FlagStore, requireCode } from "./flags.ts";
import type { ProgramCarrier } from "./program-carrier.ts";
import { type ProgramInput, resolveProgram } from "./program-input.ts";
import type { RunResult } from "./run-result.ts";
import type { RunOptions, RunScopes } from "./run-scope.ts";
import { traced } from "./traced.ts";

export interface ProgramRunnerOptions {
  readonly sandboxes: readonly Sandbox[];
  readonly scopes: RunScopes;
  readonly carrier: ProgramCarrier;
  readonly flags: FlagStore;
  readonly telemetry: Pick<Telemetry, "begin">;
  /** Hears of each program that ended, and how. */
  readonly onFinished: (result: RunResult, program: Program) => void;
}

/** Runs programs: validates, picks a sandbox, has the scope answer their calls and make their result. */
export interface ProgramRunner {
  readonly languages: readonly Language[];
  /** Gets a language ready. Rejects with 400 for one that no sandbox runs, and as the sandbox does. */
  prepare(language: Language): Promise<void>;
  /** Rejects with 400 for bad input, with 429 when a token budget is used up, and with 500 when no sandbox can be set up; every other end is a result. */
  run(program: ProgramInput, options?: RunOptions): Promise<RunResult>;
  /** The same as a part of a request that has begun. */
  runWithin(trace: RequestTrace | undefined, program: ProgramInput, options: RunOptions): Promise<RunResult>;
}

export function createProgramRunner(options: ProgramRunnerOptions): ProgramRunner {
  const { sandboxes, scopes, carrier, flags, telemetry, onFinished } = options;
  const runWithin: ProgramRunner["runWithin"] = async (trace, input, runOptions) => {
    trace?.phase("validate");
    requireCode(flags.current);
    const program = resolveProgram(input, scopes.limitsOf(runOptions));
    const sandbox = requireSandbox(sandboxes, program.language, runOptions.sandbox);
    using scope = await scopes.open(runOptions, { kind: program.language, trace, program });
    await using place = sandbox.open(scope.session, scope.limits);
    const outcome = await carrier.carry(scope, sandbox, program.language, (port, sandboxOptions) =>
      place.run(program, port, scope.signal, sandboxOptions),
    );
    const result = await scope.finish(outcome);
    onFinished(result, program);
    return result;
  };
  return {
    runWithin,

    languages: [...new Set(sandboxes.flatMap((sandbox) => sandbox.traits.languages))],

    prepare: async (language) => requireSandbox(sandboxes, language, undefined).prepare(),

    run: (input, runOptions = {}) =>
      traced(telemetry, (trace) => {
        trace?.intent(TOOL_NAME);
        return runWithin(trace, input, runOptions);
      }),
  };
}

function requireSandbox(
  sandboxes: readonly Sandbox[],
  language: Language,
  name: string | undefined,
): Sandbox {
  const named = name === undefined ? sandboxes : sandboxes.filter(({ traits }) => traits.name === name);
  if (named.length === 0 && name !== undefined) throw unknownSandbox(sandboxes, name);
  const sandbox = named.find(({ traits }) => traits.languages.includes(language));
  if (sandbox !== undefined) return sandbox;
  const known = [...new Set(named.flatMap(({ traits }) => traits.languages))].join(", ");
  throw new OptimizerError(
    name === undefined
      ? `No sandbox here runs ${language}.`
      : `The sandbox ${name} does not run ${language}.`,
    {
      code: 400,
      kind: "unsupported_language",
      hint: known === "" ? "Configure a sandbox." : `Write the program in one of: ${known}.`,
    },
  );
}

function unknownSandbox(sandboxes: readonly Sandbox[], name: unknown): OptimizerError {
  return new OptimizerError(`There is no sandbox ${String(name).slice(0, 100)}.`, {
    code: 400,
    kind: "unknown_sandbox",
    hint: `Choose one of: ${sandboxes.map(({ traits }) => traits.name).join(", ")}.`,
  });
}
