import { OptimizerError } from "../base/errors.ts";
import type { ContextValue, SessionContext } from "../context/session-context.ts";
import { SHARED_SESSION } from "../sessions/session-names.ts";
import { MIN_TOKENS_PER_REQUEST } from "./flags.ts";
import type { OpenArea } from "./open-area.ts";

/** How much may go back to models, by what the answers of runs cost them: value, logs, error. Default: without limit. */
export interface BudgetOptions {
  /** Tokens of one session in a window. */
  readonly sessionTokens?: number;
  /** Tokens of all sessions of the tenant in a window. */
  readonly tenantTokens?: number;
  /** How long a budget lasts, from its first use; then it is whole again. Milliseconds, default a day. */
  readonly windowMs?: number;
}

/** Where one budget stands. Tokens. */
export interface Budget {
  readonly limit: number;
  /** The last answer may have gone over by its logs, its error, or its hint. */
  readonly used: number;
  /** Milliseconds since 1970; absent while nothing is used. */
  readonly renewsAt?: number;
}

/** The budgets that a run of a session counts against; absent where there is none. */
export interface Budgets {
  readonly session?: Budget;
  readonly tenant?: Budget;
}

/** Counts where contexts are kept, in atomic steps: all tabs share a budget. */
export interface TokenBudgets {
  readonly enabled: boolean;
  /** Rejects with 429 `token_budget_exceeded` when one is used up, and as the store does when it can't be counted. */
  require(session: string): Promise<void>;
  /** Takes up to `tokens`, of what is left, and resolves with how many: enough at least to say that there is no more. */
  take(session: string, tokens: number): Promise<number>;
  /** Counts more, or gives back: then `tokens` is negative. */
  add(session: string, tokens: number): Promise<void>;
  read(session: string): Promise<Budgets>;
}

export interface TokenBudgetsOptions {
  readonly openArea: OpenArea;
  readonly budgets: BudgetOptions;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const KEY = "tokens";

/** What is counted since the window began. */
interface Count {
  readonly since: number;
  readonly used: number;
}

interface Counted {
  readonly name: "session" | "tenant";
  readonly limit: number;
  readonly area: SessionContext;
}

/** Throws 400 `invalid_options` for budgets that make no sense. */
export function createTokenBudgets({ openArea, budgets, now }: TokenBudgetsOptions): TokenBudgets {
  const { sessionTokens, tenantTokens } = budgets;
  const windowMs = budgets.windowMs ?? DAY_MS;
  for (const [name, value, least] of [
    ["sessionTokens", sessionTokens, MIN_TOKENS_PER_REQUEST],
    ["tenantTokens", tenantTokens, MIN_TOKENS_PER_REQUEST],
    ["windowMs", windowMs, 1],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) throw invalid(name, least);
  }

  const countedOf = (session: string): readonly Counted[] => [
    ...(sessionTokens === undefined
      ? []
      : [{ name: "session", limit: sessionTokens, area: openArea(session, "budget") } as const]),
    ...(tenantTokens === undefined
      ? []
      : [{ name: "tenant", limit: tenantTokens, area: openArea(SHARED_SESSION, "budget") } as const]),
  ];

  /** What counts now: nothing once the window is over. */
  const readCount = (value: ContextValue | undefined): Count => {
    const [, since, used] = (typeof value === "string" && RECORD.exec(value)) || [];
    const count = { since: Number(since), used: Number(used) };
    const time = now();
    return count.since <= time && time < count.since + windowMs ? count : { since: time, used: 0 };
  };

  /** Adds what `tokensFor` makes of the tokens that are left, and resolves with it and the count after it. */
  const change = async (
    { limit, area }: Counted,
    tokensFor: (left: number) => number,
  ): Promise<Count & { readonly added: number }> => {
    let result = { since: 0, used: 0, added: 0 };
    await area.update(KEY, (value) => {
      const { since, used } = readCount(value);
      const added = tokensFor(limit - used);
      result = { since, used: Math.max(0, used + added), added };
      return writeCount(result);
    });
    return result;
  };

  return {
    enabled: sessionTokens !== undefined || tenantTokens !== undefined,

    async require(session) {
      for (const counted of countedOf(session)) {
        // A step that writes: where nothing can be counted, nothing runs. Later ones need no more room.
        const { since, used } = await change(counted, () => 0);
        if (counted.limit - used < MIN_TOKENS_PER_REQUEST) throw usedUp(counted, used, since + windowMs);
      }
    },

    async take(session, tokens) {
      let granted = tokens;
      const taken: (readonly [Counted, number])[] = [];
      for (const counted of countedOf(session)) {
        const wanted = granted;
        const { added } = await change(counted, (left) =>
          Math.min(wanted, Math.max(MIN_TOKENS_PER_REQUEST, left)),
        );
        taken.push([counted, added]);
        granted = added;
      }
      // The first one gave more than the second.
      for (const [counted, added] of taken) if (added > granted) await change(counted, () => granted - added);
      return granted;
    },

    async add(session, tokens) {
      for (const counted of countedOf(session)) await change(counted, () => tokens);
    },

    async read(session) {
      const found = await Promise.all(
        countedOf(session).map(async ({ name, limit, area }): Promise<[string, Budget]> => {
          const { since, used } = readCount(await area.get(KEY));
          return [name, { limit, used, ...(used === 0 ? {} : { renewsAt: since + windowMs }) }];
        }),
      );
      return Object.fromEntries(found);
    },
  };
}

/** As long for every count: one that was written once finds room for ever. */
const RECORD = /^(\d{16}) (\d{16})$/;

function writeCount({ since, used }: Count): string {
  return [since, used].map((number) => String(Math.floor(number)).padStart(16, "0")).join(" ");
}

/** ECMAScript knows no later time. Milliseconds since 1970. */
const LAST_DATE = 8.64e15;

function usedUp({ name, limit }: Counted, used: number, renewsAt: number): OptimizerError {
  const what = name === "session" ? "this session" : "all sessions together";
  return new OptimizerError(`The token budget of ${what} is used up: ${used} of ${limit}.`, {
    code: 429,
    kind: "token_budget_exceeded",
    hint: `Nothing ran. Go on with what you have: the budget is whole again at ${new Date(Math.min(renewsAt, LAST_DATE)).toISOString()}, and whoever runs this agent can raise budgets.${name}Tokens. Then return less from each program.`,
  });
}

function invalid(name: keyof BudgetOptions, least: number): OptimizerError {
  return new OptimizerError(`budgets.${name} must be a whole number of at least ${least}.`, {
    code: 400,
    kind: "invalid_options",
  });
}
