import { type ErrorCode, messageOf, OptimizerError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { TokenCounter } from "../base/tokens.ts";
import type { ContextStore } from "../context/session-context.ts";
import type { Language, ProgramError } from "../protocol/guest-protocol.ts";
import { type Limits, resolveLimits } from "../sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../sandbox/sandbox.ts";
import type { ArgumentChecker } from "../tools/arguments.ts";
import { type Broker, createBroker } from "../tools/broker.ts";
import type { Catalog } from "../tools/catalog.ts";
import { fitValue } from "./fit-value.ts";
import { MIN_TOKENS_PER_REQUEST } from "./flags.ts";
import { type RunEvent, type RunFacts, type RunResult, STOPS } from "./run-result.ts";

/** A program to run. */
export interface ProgramInput {
  /** Default `typescript`, which takes JavaScript too. */
  readonly language?: Language;
  readonly code: string;
  /** Data for the program, which finds it as `inputs`: anything that JSON can hold. Default `{}`. */
  readonly inputs?: unknown;
}

export interface RunOptions {
  readonly limits?: Partial<Limits>;
  /** Name of the sandbox to run in, such as `native`. Default: the first that runs the program's language. */
  readonly sandbox?: string;
  /** Runs of one session share `context`. Default: the session `default`. */
  readonly session?: string;
  readonly signal?: AbortSignal;
  /** Hears what happens while it happens. What it throws is reported and changes nothing. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Most tokens of the value, at least 16. Default: the optimizer's `flags.maxTokensPerRequest`. */
  readonly maxTokens?: number;
}

export interface ProgramRunnerOptions {
  readonly catalog: Catalog;
  readonly sandboxes: readonly Sandbox[];
  readonly context: ContextStore;
  readonly countTokens: TokenCounter;
  readonly limits: Partial<Limits>;
  readonly maxTokensPerRequest: number;
}

/** Runs programs: validates, picks a sandbox, answers calls, fits the value. */
export interface ProgramRunner extends AsyncDisposable {
  readonly languages: readonly Language[];
  /** Gets a language ready. Rejects with 400 for one that no sandbox runs, and as the sandbox does. */
  prepare(language: Language): Promise<void>;
  /** Rejects with 400 for bad input and with 500 when no sandbox can be set up; every other end is a result. */
  run(program: ProgramInput, options?: RunOptions): Promise<RunResult>;
}

/** Bytes of JSON that stand for one token: answers of tools are estimated, counting megabytes would take longer than the run. */
const BYTES_PER_TOKEN = 4;

export function createProgramRunner(options: ProgramRunnerOptions): ProgramRunner {
  const { catalog, sandboxes, context, countTokens, maxTokensPerRequest } = options;
  const running = new Set<AbortController>();
  let checker: Promise<ArgumentChecker> | undefined;
  const loadChecker = (): Promise<ArgumentChecker> => {
    checker ??= import("../tools/arguments.ts").then(({ createArgumentChecker }) => createArgumentChecker());
    return checker;
  };

  return {
    languages: [...new Set(sandboxes.flatMap((sandbox) => sandbox.traits.languages))],

    prepare: async (language) => requireSandbox(sandboxes, language, undefined).prepare(),

    async run(input, runOptions = {}) {
      const started = performance.now();
      const limits = resolveLimits(options.limits, runOptions.limits);
      const { language, code, inputs } = resolveProgram(input, limits);
      const sandbox = requireSandbox(sandboxes, language, runOptions.sandbox);
      const session = requireSession(runOptions.session);
      const maxTokens = requireMaxTokens(runOptions.maxTokens ?? maxTokensPerRequest);
      const runId = crypto.randomUUID();
      const emit = (event: RunEvent): void => {
        try {
          runOptions.onEvent?.(event);
        } catch (error) {
          reportError(error);
        }
      };
      const broker = createBroker({
        catalog,
        context: context.open(session),
        countTokens,
        loadChecker,
        maxMessageBytes: limits.maxMessageBytes,
        maxDescribeTokens: maxTokensPerRequest,
        language: language === "python" ? "python" : "typescript",
        onEvent: emit,
      });
      emit({ type: "started", runId, session });
      const closing = new AbortController();
      running.add(closing);
      try {
        const signal =
          runOptions.signal === undefined
            ? closing.signal
            : AbortSignal.any([runOptions.signal, closing.signal]);
        await using place = sandbox.open(session, limits);
        const outcome = await place.run({ language, code, inputs }, broker, signal);
        const result = await toResult(outcome, broker, {
          runId,
          session,
          started,
          countTokens,
          maxTokens,
        });
        emit({ type: "finished", result });
        return result;
      } finally {
        running.delete(closing);
      }
    },

    async [Symbol.asyncDispose]() {
      for (const run of running) run.abort();
    },
  };
}

interface ResultContext {
  readonly runId: string;
  readonly session: string;
  readonly started: number;
  readonly countTokens: TokenCounter;
  readonly maxTokens: number;
}

async function toResult(outcome: RunOutcome, broker: Broker, context: ResultContext): Promise<RunResult> {
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
      const {
        value: fitted,
        tokens,
        truncated,
      } = await fitValue(value, context.maxTokens, context.countTokens);
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
    default:
      return outcome satisfies never;
  }
}

function stopped(reason: keyof typeof STOPS, message: string, facts: RunFacts): RunResult {
  return { status: "stopped", reason, message, ...STOPS[reason], ...facts };
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
  ["invalid_arguments", 400],
  ["result_too_large", 429],
  ["context_full", 429],
  ["tool_timeout", 408],
  ["cancelled", 408],
]);

function codeOf(error: ProgramError): ErrorCode {
  return CODES.get(error.kind) ?? 500;
}

interface ResolvedProgram {
  readonly language: Language;
  readonly code: string;
  readonly inputs: string;
}

const LANGUAGES = new Set<unknown>(["javascript", "typescript", "python"] satisfies Language[]);

/** True for the name of a language that programs are written in. */
export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.has(value);
}

/** Callers are often models: every field is checked as if it came from outside. */
function resolveProgram(input: ProgramInput, limits: Limits): ResolvedProgram {
  const { language, code, json } = readInput(input);
  if (typeof code !== "string") throw invalid("`code` must be the program's text.");
  if (!isLanguage(language)) throw invalid('`language` must be "typescript", "javascript" or "python".');
  if (json === undefined || parseJson(json) === undefined) throw invalid("`inputs` must be JSON.");
  if (textBytes(code) > limits.maxMessageBytes || textBytes(json) > limits.maxMessageBytes) {
    throw new OptimizerError(`The program or its inputs exceed ${limits.maxMessageBytes} bytes.`, {
      code: 429,
      kind: "program_too_large",
      hint: "Send a shorter program; large data belongs in a tool or in context.",
    });
  }
  return { language, code, inputs: json };
}

/** Reads the fields once; a getter that throws and inputs that refer to themselves are the caller's mistake. */
function readInput(input: ProgramInput): { language: unknown; code: unknown; json: string | undefined } {
  try {
    const { language = "typescript", code, inputs = {} } = input ?? {};
    return { language, code, json: JSON.stringify(inputs) };
  } catch (error) {
    throw invalid(`The program can't be read: ${messageOf(error)}`);
  }
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

function requireSession(session = "default"): string {
  if (typeof session === "string" && session.length > 0 && session.length <= 200) return session;
  throw invalid("`session` must be a text of 1 to 200 characters.");
}

function requireMaxTokens(maxTokens: number): number {
  if (Number.isInteger(maxTokens) && maxTokens >= MIN_TOKENS_PER_REQUEST) return maxTokens;
  throw invalid(`\`maxTokens\` must be a whole number of at least ${MIN_TOKENS_PER_REQUEST}.`);
}

function invalid(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_request" });
}
