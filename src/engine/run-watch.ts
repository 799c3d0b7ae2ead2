// What crosses here: everything of a run, secrets of servers and people included, on its way to a watcher in the
// same page. No guest, server or exporter reaches a watcher; whoever watches shows nothing on without redaction.

import { type ErrorCode, findOptimizerError, messageOf, OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { reportUncaught } from "../base/report-uncaught.ts";
import { textBytes } from "../base/text.ts";
import type { Program } from "../protocol/guest-protocol.ts";
import type { RunRecord } from "../sessions/run-log.ts";
import type { Phase } from "../telemetry/trace.ts";
import type { CallTool } from "../tools/tool-answer.ts";
import type { RunEvent } from "./run-result.ts";
import type { RunOptions } from "./run-scope.ts";

/** A run that begins, or goes on, with all that it was given. */
export interface WatchedRun {
  readonly runId: string;
  readonly session: string;
  readonly kind: RunRecord["kind"];
  /** It was suspended before, and goes on under the same id. */
  readonly resumed: boolean;
  /** Absent where a tool is called without one. */
  readonly program?: Program;
  /** The caller's own object, by which it can tell its runs from others. */
  readonly options: RunOptions;
}

/** A call that was checked and allowed. */
export interface WatchedCall {
  /** Its number in the run, as events have it. */
  readonly call: number;
  readonly ref: string;
  /** Not to be changed, nor kept: a tool of the page owns them afterwards. */
  readonly args: JsonObject;
}

/** What came back of a call, as the program gets it. */
export type WatchedAnswer =
  | {
      readonly ok: true;
      /** JSON text of the value. */
      readonly json: string;
      /** It holds `{ "$bytes": base64 }` objects, which are bytes in the program. */
      readonly bytes: boolean;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly kind: string;
      readonly message: string;
      readonly hint?: string;
    };

/** What hears of one run. What it throws is reported and changes nothing of the run. */
export interface RunWatch {
  event?(event: RunEvent): void;
  /** The phase before ends where one begins; `undefined` begins none. */
  phase?(phase: Phase | undefined): void;
  /** Answers a call in place of its tool, which is not called then. `undefined`: the tool is called. */
  answer?(call: WatchedCall): WatchedAnswer | undefined;
  /** Hears what a tool answered. */
  answered?(call: WatchedCall, answer: WatchedAnswer): void;
}

/** Asked once for each run that begins or goes on; `undefined`: it is not watched. */
export type WatchRuns = (run: WatchedRun) => RunWatch | undefined;

/** One run, as its scope tells of it. */
export interface OpenWatch {
  event(event: RunEvent): void;
  phase(phase: Phase | undefined): void;
  around(callTool: CallTool): CallTool;
}

/** Who watches. */
export interface RunWatchers {
  /** Returns the way to stop. */
  add(watch: WatchRuns): () => void;
  /** `undefined` while nobody watches: then a run costs nothing more. */
  open(run: WatchedRun): OpenWatch | undefined;
}

export function createRunWatchers(): RunWatchers {
  const watchers = new Set<WatchRuns>();
  return {
    add(watch) {
      watchers.add(watch);
      return () => void watchers.delete(watch);
    },
    open(run) {
      const watches = [...watchers].flatMap((watch) => attempt(() => watch(run)) ?? []);
      return watches.length === 0 ? undefined : openWatch(watches);
    },
  };
}

function openWatch(watches: readonly RunWatch[]): OpenWatch {
  /** The broker hands one object on, from the event of a call to the call. */
  const numbers = new WeakMap<JsonObject, number>();
  const tell = (step: (watch: RunWatch) => void): void => {
    for (const watch of watches) attempt(() => step(watch));
  };
  return {
    event(event) {
      if (event.type === "tool_call") numbers.set(event.args, event.call);
      tell((watch) => watch.event?.(event));
    },
    phase: (phase) => tell((watch) => watch.phase?.(phase)),
    around: (callTool) => async (tool, args, options) => {
      const call = { call: numbers.get(args) ?? 0, ref: tool.ref, args };
      for (const watch of watches) {
        const given = attempt(() => watch.answer?.(call));
        if (given?.ok === false) throw new OptimizerError(given.message, given);
        if (given !== undefined) return { ...given, size: textBytes(given.json), cached: true };
      }
      try {
        const { json, bytes, ...answer } = await callTool(tool, args, options);
        tell((watch) => watch.answered?.(call, { ok: true, json, bytes }));
        return { json, bytes, ...answer };
      } catch (error) {
        const { code = 500, kind = "internal", hint } = findOptimizerError(error) ?? {};
        const failure = { ok: false, code, kind, message: messageOf(error) } as const;
        tell((watch) => watch.answered?.(call, hint === undefined ? failure : { ...failure, hint }));
        throw error;
      }
    },
  };
}

function attempt<Result>(step: () => Result): Result | undefined {
  try {
    return step();
  } catch (error) {
    reportUncaught(error);
    return undefined;
  }
}
