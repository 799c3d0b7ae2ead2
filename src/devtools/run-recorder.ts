import { OptimizerError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import type { Optimizer, RunOptions } from "../index.ts";
import type { RecordedRun } from "./recorded-run.ts";
import { createReplay, type Replay } from "./replay.ts";
import type { RunStore } from "./run-store.ts";

/** How a run is repeated. */
export interface AgainOptions {
  /** Absent: the program as it was. */
  readonly code?: string;
  /** So many of its calls, from the first, answer from the record; later ones, and any that differs, go to their tools. */
  readonly fromRecord: number;
  /** Hears of the new run when it begins. */
  readonly onBegin: (run: RecordedRun) => void;
}

/** What devtools do with an optimizer. Disposing it ends the watching. */
export interface RunRecorder extends Disposable {
  /** Repeats a run. Rejects with 400 `nothing_to_run` where no program is kept, and as `optimizer.run` does. */
  again(run: RecordedRun, options: AgainOptions): Promise<void>;
}

interface Repeated {
  readonly replay: Replay;
  readonly again: NonNullable<RecordedRun["again"]>;
  readonly onBegin: (run: RecordedRun) => void;
}

/** Records all runs of an optimizer from now on. */
export function createRunRecorder(
  optimizer: Pick<Optimizer, "run" | "watchRuns">,
  store: RunStore,
): RunRecorder {
  const repeated = new WeakMap<RunOptions, Repeated>();
  const stop = optimizer.watchRuns((watched) => {
    const known = repeated.get(watched.options);
    const { run, watch } = store.begin(watched, known?.again);
    if (known === undefined) return watch;
    const { replay, onBegin } = known;
    onBegin(run);
    return {
      ...watch,
      answer(call) {
        const answer = replay.answer(call);
        const recorded = run.calls.findLast((one) => one.call === call.call);
        if (recorded !== undefined) {
          recorded.source = answer !== undefined ? "record" : replay.left > 0 ? "differs" : "tool";
        }
        if (answer !== undefined) watch.answered?.(call, answer);
        return answer;
      },
    };
  });
  return {
    async again({ number, program, session, options, calls }, { code, fromRecord, onBegin }) {
      if (program === undefined) {
        throw new OptimizerError("There is no program to run again.", {
          code: 400,
          kind: "nothing_to_run",
          hint: "Run it from where it came from: a tool was called without one, or it went to make room.",
        });
      }
      const { language, inputs } = program;
      // The policy, the checks of arguments and what is known of private data see a repeated run as any other.
      const runOptions: RunOptions = { ...options, session };
      const replay = createReplay(calls.slice(0, fromRecord));
      repeated.set(runOptions, { replay, again: { number, fromRecord }, onBegin });
      await optimizer.run(
        { language, code: code ?? program.code, inputs: parseJson(inputs) ?? {} },
        runOptions,
      );
    },
    [Symbol.dispose]: stop,
  };
}
