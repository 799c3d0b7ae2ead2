import type { RunEvent, RunResult, RunWatch, WatchedRun } from "../index.ts";
import { redactCode } from "../telemetry/redact.ts";
import { hideText } from "./hide.ts";
import type { RecordedCall, RecordedRun } from "./recorded-run.ts";

/** How much is kept of what ran. */
export interface StoreLimits {
  /** Runs; the oldest go first. */
  readonly maxRuns: number;
  /** Characters of programs, arguments, answers and logs of all runs; the oldest runs are emptied first. */
  readonly maxCharacters: number;
}

export const STORE_LIMITS: StoreLimits = { maxRuns: 10_000, maxCharacters: 64 * 1024 * 1024 };

/** Log lines of one run that are kept. */
const MAX_LOGS = 2_000;
/** What a call or a line takes beside its texts. Characters. */
const ENTRY_CHARACTERS = 200;
const MAX_TITLE = 120;

/** What ran, the oldest first, as much as fits. */
export interface RunStore {
  readonly runs: readonly RecordedRun[];
  /** All that began since it was opened, those that went included. */
  readonly began: number;
  /** Grows with every change. */
  readonly version: number;
  /** Begins the record of a run; of one that goes on, its record goes on. */
  begin(
    run: WatchedRun,
    again?: RecordedRun["again"],
  ): { readonly run: RecordedRun; readonly watch: RunWatch };
  clear(): void;
}

/** `onChange` is called for every event: whoever draws does so once for many. */
export function createRunStore(onChange: () => void, limits: StoreLimits = STORE_LIMITS): RunStore {
  let runs: RecordedRun[] = [];
  let began = 0;
  let version = 0;
  let characters = 0;
  /** Runs before this one hold nothing any more. */
  let emptied = 0;

  const changed = (run: RecordedRun): void => {
    run.version += 1;
    version += 1;
    onChange();
  };
  const empty = (run: RecordedRun): void => {
    characters -= run.characters;
    Object.assign(run, { characters: 0, emptied: true, program: undefined, value: undefined });
    run.logs.length = 0;
    run.calls.length = 0;
    run.spans.length = 0;
    if (run.result !== undefined) run.result = clipFailure(run.result);
  };
  /** What does not fit even alone is not kept. */
  const makeRoom = (size: number, run: RecordedRun): boolean => {
    if (run.emptied || run.characters + size > limits.maxCharacters / 2) return false;
    while (characters + size > limits.maxCharacters && emptied < runs.length) {
      const oldest = runs[emptied];
      emptied += 1;
      if (oldest !== undefined) empty(oldest);
    }
    if (run.emptied) return false;
    characters += size;
    run.characters += size;
    return true;
  };
  const add = (run: RecordedRun): void => {
    runs.push(run);
    if (runs.length <= limits.maxRuns) return;
    const [oldest] = runs.splice(0, 1);
    if (oldest !== undefined && !oldest.emptied) empty(oldest);
    emptied = Math.max(0, emptied - 1);
  };

  return {
    get runs() {
      return runs;
    },
    get began() {
      return began;
    },
    get version() {
      return version;
    },
    begin(watched, again) {
      const known = watched.resumed ? runs.findLast(({ runId }) => runId === watched.runId) : undefined;
      const run = known ?? newRun(watched, began + 1, again);
      if (known === undefined) {
        began += 1;
        add(run);
        const { program } = watched;
        if (program !== undefined && makeRoom(program.code.length + program.inputs.length, run))
          run.program = { language: program.language, code: program.code, inputs: program.inputs };
      }
      run.result = undefined;
      changed(run);
      const watch = watchRun(run, {
        room: (size) => makeRoom(size, run),
        changed: () => changed(run),
      });
      return { run, watch };
    },
    clear() {
      // What still runs keeps nothing more.
      runs.forEach(empty);
      runs = [];
      emptied = 0;
      version += 1;
      onChange();
    },
  };
}

function newRun(
  { runId, session, kind, options, program }: WatchedRun,
  number: number,
  again: RecordedRun["again"],
): RecordedRun {
  const { limits, sandbox, maxTokens, tools } = options;
  return {
    number,
    runId,
    session,
    kind,
    at: Date.now(),
    origin: performance.now(),
    options: {
      ...(limits === undefined ? {} : { limits }),
      ...(sandbox === undefined ? {} : { sandbox }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(tools === undefined ? {} : { tools }),
    },
    title: titleOf(program?.code ?? ""),
    callCount: 0,
    program: undefined,
    spans: [],
    calls: [],
    logs: [],
    memoryBytes: 0,
    memoryLimitBytes: 0,
    memoryWasScarce: false,
    result: undefined,
    value: undefined,
    again,
    emptied: false,
    logsLeftOut: 0,
    version: 0,
    characters: 0,
  };
}

interface Keeping {
  /** Whether so many characters more are kept of this run. */
  readonly room: (characters: number) => boolean;
  readonly changed: () => void;
}

/** Writes what happens in a run into its record. */
function watchRun(run: RecordedRun, { room, changed }: Keeping): RunWatch {
  const calls = new Map<number, RecordedCall>(run.calls.map((one) => [one.call, one]));
  const now = (): number => performance.now() - run.origin;
  const endSpan = (): void => {
    const last = run.spans.at(-1);
    if (last !== undefined) last.endMs ??= now();
  };
  /** A run that was emptied meanwhile counts its calls, and keeps none. */
  const add = (call: RecordedCall): void => {
    run.callCount += 1;
    if (run.title === "") run.title = call.name;
    if (!room(ENTRY_CHARACTERS)) return;
    calls.set(call.call, call);
    run.calls.push(call);
  };
  const keep = (text: string): string | undefined => (room(text.length) ? text : undefined);
  const onEvent = (event: RunEvent): void => {
    switch (event.type) {
      case "tool_call":
        return add(newCall(event.call, event.name, keep(JSON.stringify(event.args)), now()));
      case "tool_progress": {
        const { progress, total, message } = event;
        const call = calls.get(event.call);
        if (call !== undefined)
          call.note = message ?? `step ${progress}${total === undefined ? "" : ` of ${total}`}`;
        return;
      }
      case "tool_result": {
        const { type: _, call: number, ...record } = event;
        const call = calls.get(number);
        if (call === undefined) return;
        room(record.error?.message.length ?? 0);
        Object.assign(call, { endMs: now(), record, note: "" });
        return;
      }
      case "approval": {
        const call = calls.get(event.request.call);
        if (call !== undefined) call.note = "waits for approval";
        return;
      }
      case "host_call": {
        const { type: _, call: number, ...record } = event;
        const call = newCall(number, record.name, undefined, Math.max(0, now() - record.ms));
        return add(Object.assign(call, { endMs: now(), record, note: "called by the host" }));
      }
      case "log":
        if (run.logs.length < MAX_LOGS && room(event.text.length + ENTRY_CHARACTERS))
          run.logs.push({ level: event.level, text: event.text, atMs: now() });
        else run.logsLeftOut += 1;
        return;
      case "memory":
      case "memory_pressure":
        run.memoryBytes = Math.max(run.memoryBytes, event.memoryBytes);
        run.memoryLimitBytes = event.limitBytes;
        if (event.type === "memory_pressure") run.memoryWasScarce = true;
        return;
      case "finished":
        endSpan();
        run.memoryBytes = Math.max(run.memoryBytes, event.result.usage.peakMemoryBytes);
        if (event.result.status === "returned") run.value = keep(JSON.stringify(event.result.value));
        if (event.result.status === "threw") room(JSON.stringify(event.result.error).length);
        run.result = withoutContent(event.result);
        if (run.emptied) run.result = clipFailure(run.result);
        return;
      case "started":
      case "preparing":
      case "running":
        return;
      default:
        event satisfies never;
    }
  };
  return {
    event(event) {
      onEvent(event);
      changed();
    },
    phase(phase) {
      endSpan();
      if (phase !== undefined) run.spans.push({ phase, startMs: now(), endMs: undefined });
      changed();
    },
    answered({ call: number }, answer) {
      const call = calls.get(number);
      if (call === undefined) return;
      const text = answer.ok ? answer.json : answer.message;
      if (keep(text) !== undefined) call.answer = answer;
    },
  };
}

function titleOf(code: string): string {
  const line =
    code
      .slice(0, 8_192)
      .split("\n", 40)
      .find((one) => one.trim() !== "") ?? "";
  return hideText(redactCode(line.trim()), MAX_TITLE);
}

function withoutContent(result: RunResult): RunResult {
  const light = { ...result, logs: [], toolCalls: [] };
  return light.status === "returned" ? { ...light, value: null } : light;
}

function clipFailure(result: RunResult): RunResult {
  if (result.status !== "threw") return result;
  const { name, message, code, kind } = result.error;
  const error = { name: hideText(name, MAX_TITLE), message: hideText(message, MAX_TITLE), code, kind };
  return { ...result, error };
}

function newCall(call: number, name: string, args: string | undefined, startMs: number): RecordedCall {
  return {
    call,
    name,
    args,
    startMs,
    endMs: undefined,
    answer: undefined,
    record: undefined,
    note: "",
    source: undefined,
  };
}
