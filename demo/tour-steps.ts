import type { MiniManifest, RunResult } from "../src/index.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";

/** What a step tells about: every figure in its text comes from here. */
export interface TourFacts {
  /** Absent while the engine starts. */
  readonly manifest: MiniManifest | undefined;
  /** How the step's program ended last. */
  readonly result?: RunResult;
}

/** One stop of the tour. */
export interface TourStep {
  readonly title: string;
  /** Id of the part of the page to look at. */
  readonly place: string;
  /** The ready program that runs here. */
  readonly program?: string;
  readonly tell: (facts: TourFacts) => string;
}

/** From what tools usually cost to who decides. */
export const TOUR_STEPS: readonly TourStep[] = [
  {
    title: "What tools usually cost",
    place: "cost",
    tell: ({ manifest }) => {
      if (manifest === undefined) return "The engine is starting: begin the tour again in a moment.";
      const { classic, optimized } = manifest.tokenSavings;
      return `The usual way hands the model the definition of every tool: ${formatCount(classic)} tokens, with each request. Here it gets one tool of ${formatCount(optimized)} tokens, and writes programs for it.`;
    },
  },
  {
    title: "One program instead",
    place: "result",
    program: "errors-by-service",
    tell: afterRun("returned", ({ toolCalls, usage }) => {
      const bytes = toolCalls.reduce((sum, call) => sum + call.bytes, 0);
      return `It made ${formatCounted(toolCalls.length, "call")}, and ${formatBytes(bytes)} came back into the sandbox. The model gets ${formatCounted(usage.tokens, "token")}: about ${formatCount(usage.tokensSaved)} never reach it.`;
    }),
  },
  {
    title: "Many calls at once",
    place: "activity",
    program: "analyze-in-parallel",
    tell: afterRun("returned", ({ toolCalls, usage }) => {
      const waitedMs = toolCalls.reduce((sum, call) => sum + call.ms, 0);
      return `${formatCounted(toolCalls.length, "call")} in one program: added up they took ${formatMs(waitedMs)}, and the whole run ${formatMs(usage.durationMs)}. The usual way is a turn of the model for each of them.`;
    }),
  },
  {
    title: "A limit holds",
    place: "result",
    program: "endless-loop",
    tell: afterRun(
      "stopped",
      ({ code, reason, usage }) =>
        `This program would never have ended. It was stopped from outside after ${formatMs(usage.durationMs)}: ${reason}, code ${code}. The page answered all the while.`,
    ),
  },
  {
    title: "You decide",
    place: "result",
    program: "ask-first",
    tell: (facts) =>
      facts.result?.status === "returned"
        ? `It went on with what you said and returned after ${formatCounted(facts.result.toolCalls.length, "call")}. That is the tour: now write a program of your own.`
        : afterRun(
            "suspended",
            ({ approvals }) =>
              `The program is frozen in the middle: it wants ${approvals.map(({ tool }) => tool).join(", ")}. Allow or deny it in the result and press “Go on”, now or after a reload.`,
          )(facts),
  },
];

/** Tells about a run that ended as expected, and says so when it did not: a server may be down. */
function afterRun<S extends RunResult["status"]>(
  status: S,
  tell: (result: Extract<RunResult, { status: S }>) => string,
): TourStep["tell"] {
  const isExpected = (result: RunResult): result is Extract<RunResult, { status: S }> =>
    result.status === status;
  return ({ result }) => {
    if (result === undefined) return "The program could not run: the page says why below.";
    if (isExpected(result)) return tell(result);
    const why =
      result.status === "threw" ? result.error.message : result.status === "stopped" ? result.message : "";
    return `This time it went another way (${result.status}). ${why}`.trim();
  };
}
