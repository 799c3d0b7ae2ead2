import { OptimizerError } from "../base/errors.ts";

/** How requests by intent are carried out: by their tool, by a program, or whichever fits. */
export type ExecutionMode = "mcp_only" | "hybrid" | "code_execution";

/** Switches of the engine. */
export interface Flags {
  /** Default `hybrid`. With `mcp_only` no program runs at all. */
  readonly executionMode: ExecutionMode;
  /** Whether programs may run. Default true. Off is like `mcp_only`, whatever the mode. */
  readonly enableSandbox: boolean;
  /** Whether results of reading tools are given again. Default true. */
  readonly enableCaching: boolean;
  /** Whether requests are counted, measured and traced. Default true. What is audited is not asked. */
  readonly enableMetrics: boolean;
  /** Most tokens of the value that one request returns. Default 1,000. */
  readonly maxTokensPerRequest: number;
}

/** The flags as they are now. They may change while requests run: each reads them when it begins. */
export interface FlagStore {
  readonly current: Flags;
  /** Changes some of them. Throws 400 for a value that makes no sense: then none is changed. */
  set(changes: Partial<Flags>): void;
  /** Called after a change. Returns the way to stop listening. */
  onChange(listener: (flags: Flags) => void): () => void;
}

/** The smallest budget in which a cut value can still say what is missing. Tokens. */
export const MIN_TOKENS_PER_REQUEST = 16;

const MODES: ReadonlySet<unknown> = new Set<ExecutionMode>(["mcp_only", "hybrid", "code_execution"]);

const DEFAULTS: Flags = {
  executionMode: "hybrid",
  enableSandbox: true,
  enableCaching: true,
  enableMetrics: true,
  maxTokensPerRequest: 1_000,
};

/** Completes flags. Throws 400 for a value that makes no sense. */
export function createFlags(initial: Partial<Flags> = {}): FlagStore {
  let current = resolveFlags(DEFAULTS, initial);
  const listeners = new Set<(flags: Flags) => void>();
  return {
    get current() {
      return current;
    },
    set(changes) {
      current = resolveFlags(current, changes);
      for (const listener of [...listeners]) listener(current);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Throws 400 `code_execution_off` where programs may not run. */
export function requireCode({ executionMode, enableSandbox }: Flags): void {
  if (enableSandbox && executionMode !== "mcp_only") return;
  const cause = enableSandbox ? 'executionMode is "mcp_only"' : "enableSandbox is false";
  throw new OptimizerError(`No program runs here: flags.${cause}.`, {
    code: 400,
    kind: "code_execution_off",
    hint: "Call a tool by its intent, <server>.<tool>, or change the flag.",
  });
}

function resolveFlags(base: Flags, changes: Partial<Flags>): Flags {
  const {
    executionMode = base.executionMode,
    enableSandbox = base.enableSandbox,
    enableCaching = base.enableCaching,
    enableMetrics = base.enableMetrics,
    maxTokensPerRequest = base.maxTokensPerRequest,
  } = changes;
  const wrong = (name: string, value: unknown, hint: string): OptimizerError =>
    new OptimizerError(`flags.${name} is ${String(value)}`, { code: 400, kind: "invalid_flags", hint });
  if (!MODES.has(executionMode))
    throw wrong("executionMode", executionMode, `Choose one of: ${[...MODES].join(", ")}.`);
  for (const [name, value] of Object.entries({ enableSandbox, enableCaching, enableMetrics }))
    if (typeof value !== "boolean") throw wrong(name, value, "Choose true or false.");
  if (!Number.isInteger(maxTokensPerRequest) || maxTokensPerRequest < MIN_TOKENS_PER_REQUEST) {
    throw wrong(
      "maxTokensPerRequest",
      maxTokensPerRequest,
      `Choose a whole number of at least ${MIN_TOKENS_PER_REQUEST} tokens.`,
    );
  }
  return { executionMode, enableSandbox, enableCaching, enableMetrics, maxTokensPerRequest };
}
