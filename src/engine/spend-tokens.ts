import type { TokenCounter } from "../base/tokens.ts";
import { toModelOutput } from "./model-output.ts";
import type { RunResult } from "./run-result.ts";
import type { TokenBudgets } from "./token-budgets.ts";

export interface SpendingOptions {
  readonly budgets: TokenBudgets;
  readonly countTokens: TokenCounter;
  readonly session: string;
  /** Most tokens of the value, whatever the budgets have. */
  readonly maxTokens: number;
}

/**
 * Has a result made of as many tokens as the budgets have left, and counts what of it goes back to a model.
 *
 * The run has had its effects by now: where its cost can't be counted, its result is given all the same, and the
 * next run is refused.
 */
export async function spendTokens(
  { budgets, countTokens, session, maxTokens }: SpendingOptions,
  make: (maxTokens: number) => Promise<RunResult>,
): Promise<RunResult> {
  if (!budgets.enabled) return make(maxTokens);
  const taken = await budgets.take(session, maxTokens).catch(() => undefined);
  let spent = 0;
  try {
    const result = sayWhatIsLeft(await make(taken ?? maxTokens), taken ?? maxTokens, maxTokens);
    [spent = 0] = await countTokens([JSON.stringify(toModelOutput(result))]);
    return result;
  } finally {
    await budgets.add(session, spent - (taken ?? 0)).catch(() => undefined);
  }
}

function sayWhatIsLeft(result: RunResult, taken: number, maxTokens: number): RunResult {
  if (result.status !== "returned" || result.truncated === undefined || taken === maxTokens) return result;
  const hint = `The token budget had ${taken} tokens left. ${result.truncated.hint}`;
  return { ...result, truncated: { ...result.truncated, hint } };
}
