import type { RunResult } from "../src/index.ts";
import { formatCounted, formatMs } from "./format.ts";

/** How a run ended, in one sentence. */
export function runSentence(outcome: RunResult): string {
  const { durationMs, tokens } = outcome.usage;
  switch (outcome.status) {
    case "returned":
      return `Returned ${formatCounted(tokens, "token")} in ${formatMs(durationMs)}${outcome.truncated === undefined ? "" : ", cut to fit"}`;
    case "threw":
      return `Threw ${outcome.error.name}${outcome.error.line === undefined ? "" : ` in line ${outcome.error.line}`} after ${formatMs(durationMs)}`;
    case "stopped":
      return `Stopped: ${outcome.reason}, code ${outcome.code}, after ${formatMs(durationMs)}`;
    case "suspended":
      return `Waits for you to decide about ${formatCounted(outcome.approvals.length, "tool call")}`;
    default:
      return outcome satisfies never;
  }
}
