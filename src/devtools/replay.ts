import { canonicalJson } from "../base/canonical-json.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { WatchedAnswer, WatchedCall } from "../index.ts";
import type { RecordedCall } from "./recorded-run.ts";

/** What a replay needs of a call that was recorded. */
export type ReplayedCall = Pick<RecordedCall, "name" | "args" | "answer">;

/** Answers of one run that are given to another. */
export interface Replay {
  /** The recorded answer of an equal call, each once; `undefined`: the call goes to its tool. */
  answer(call: Pick<WatchedCall, "ref" | "args">): WatchedAnswer | undefined;
  /** Answers that were not given yet. */
  readonly left: number;
}

/**
 * Answers by tool and arguments, however their keys are spelled: calls that are equal get their answers in the order
 * in which they were made. Calls without a recorded answer (refused before, or no longer kept) are not in it.
 */
export function createReplay(calls: readonly ReplayedCall[]): Replay {
  const answers = new Map<string, WatchedAnswer[]>();
  for (const { name, args, answer } of calls) {
    const parsed = args === undefined ? undefined : parseJson(args);
    if (answer === undefined || !isJsonObject(parsed)) continue;
    const key = keyOf(name, parsed);
    const equal = answers.get(key);
    if (equal === undefined) answers.set(key, [answer]);
    else equal.push(answer);
  }
  return {
    answer: ({ ref, args }) => answers.get(keyOf(ref, args))?.shift(),
    get left() {
      return Array.from(answers.values(), ({ length }) => length).reduce((sum, length) => sum + length, 0);
    },
  };
}

function keyOf(ref: string, args: JsonObject): string {
  return `${ref}\n${canonicalJson(args)}`;
}
