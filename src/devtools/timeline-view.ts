import { button, element, factList } from "./dom.ts";
import { formatBytes, formatMs } from "./format.ts";
import { hideText } from "./hide.ts";
import { durationOf, type RecordedCall, type RecordedRun, type RecordedSpan } from "./recorded-run.ts";
import { textView, valueView } from "./value-view.ts";
import { createVirtualList } from "./virtual-list.ts";

/** When each part of a run and each of its tool calls took place, and what the chosen call carried. */
export interface TimelineView {
  readonly node: HTMLElement;
  show(run: RecordedRun): void;
}

interface Entry {
  readonly key: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly version: number;
  readonly totalMs: number;
  readonly state: "phase" | "waiting" | "failed" | "ok";
  readonly note: string;
  readonly call: RecordedCall | undefined;
}

const SOURCES = {
  record: "from the record",
  tool: "from its tool",
  differs: "differs from the record: went to its tool",
} as const;

/** `onAgain` is told how many calls, from the first to the chosen one, shall answer from the record. */
export function createTimelineView(onAgain: (fromRecord: number) => void): TimelineView {
  const about = element("div", { class: "call" });
  let run: RecordedRun | undefined;
  let selected: string | undefined;
  let shown = "";

  const list = createVirtualList<Entry>({
    label: "Parts of the run and its tool calls, in time",
    rowPixels: 28,
    keyOf: ({ key }) => key,
    versionOf: ({ version }) => version,
    draw: drawEntry,
    onSelect: ({ key }) => {
      selected = key;
      drawCall();
    },
  });
  const drawCall = (): void => {
    const call = run?.calls.find((one) => keyOf(one) === selected);
    const state = `${run?.number} ${selected} ${call?.endMs} ${call?.note} ${call?.answer === undefined} ${call?.source}`;
    if (state === shown) return;
    shown = state;
    if (run === undefined || call === undefined) {
      const text =
        run?.calls.length === 0 ? "The program called no tool." : "Choose a call to see what it carried.";
      about.replaceChildren(element("p", { class: "muted" }, text));
      return;
    }
    const number = run.calls.indexOf(call) + 1;
    const again = run.program === undefined ? [] : [button("Run again from here", () => onAgain(number))];
    about.replaceChildren(...callParts(call, number), ...again);
  };

  return {
    node: element("div", { class: "timeline" }, list.node, about),
    show(next) {
      if (run?.number !== next.number) selected = undefined;
      const [first] = next.calls;
      if (selected === undefined && first !== undefined) selected = keyOf(first);
      run = next;
      list.show(entriesOf(next), selected);
      drawCall();
    },
  };
}

const keyOf = ({ call, startMs }: RecordedCall): string => `call ${call} ${startMs}`;

function entriesOf(run: RecordedRun): readonly Entry[] {
  const totalMs = Math.max(durationOf(run), 0.1);
  const common = { version: run.version, totalMs };
  const phases = run.spans.map(({ phase, startMs, endMs }: RecordedSpan, at): Entry => {
    const end = endMs ?? totalMs;
    return {
      ...common,
      key: `phase ${at}`,
      name: phase,
      startMs,
      endMs: end,
      state: "phase",
      note: "",
      call: undefined,
    };
  });
  const calls = run.calls.map((call): Entry => {
    const { name, startMs, endMs, record, note, source } = call;
    const state = record === undefined ? "waiting" : record.error === undefined ? "ok" : ("failed" as const);
    const words = [note, source === undefined ? "" : SOURCES[source]]
      .filter((word) => word !== "")
      .join(", ");
    return { ...common, key: keyOf(call), name, startMs, endMs: endMs ?? totalMs, state, note: words, call };
  });
  return [...phases, ...calls].sort((one, other) => one.startMs - other.startMs);
}

function drawEntry(row: HTMLElement, entry: Entry): void {
  const { startMs, endMs, totalMs, state, note } = entry;
  const bar = element("span", { class: `bar ${state}` });
  const percent = (ms: number): number => Math.min(100, Math.max(0, (ms / totalMs) * 100));
  bar.style.marginInlineStart = `${percent(startMs)}%`;
  bar.style.width = `${Math.max(0.3, percent(endMs) - percent(startMs))}%`;
  const words = [state === "phase" ? "" : state, hideText(note, 200)]
    .filter((word) => word !== "")
    .join(", ");
  row.replaceChildren(
    element("span", { class: "entry-name" }, hideText(entry.name, 120)),
    element("span", { class: "track", "aria-hidden": "true" }, bar),
    element(
      "span",
      { class: "entry-facts" },
      `${formatMs(Math.max(0, endMs - startMs))}${words === "" ? "" : ` · ${words}`}`,
    ),
  );
}

function callParts(call: RecordedCall, number: number): readonly HTMLElement[] {
  const { name, args, answer, record, startMs, endMs, source, note } = call;
  const gone = (what: string): HTMLElement =>
    element("p", { class: "muted" }, `${what} not kept: there was no answer, or it was too large.`);
  const facts: (readonly [string, string])[] = [
    ["Began", `after ${formatMs(startMs)}`],
    ["Took", endMs === undefined ? "is under way" : formatMs(endMs - startMs)],
    ...(record === undefined ? [] : [["Answer", formatBytes(record.bytes)] as const]),
    ...(source === undefined ? [] : [["Came", SOURCES[source]] as const]),
    ...(record?.cached === true && source === undefined ? [["Came", "from the cache"] as const] : []),
    ...(note === "" ? [] : [["Now", hideText(note, 200)] as const]),
    ...(record?.error === undefined
      ? []
      : [
          [
            "Failed",
            `${record.error.kind}${record.error.mayHaveExecuted ? "; it may have done its work" : ""}`,
          ] as const,
        ]),
  ];
  return [
    element("h4", {}, `Call ${number}: ${hideText(name, 120)}`),
    factList(facts),
    ...(record?.error === undefined
      ? []
      : [element("p", { class: "why" }, hideText(record.error.message, 2_000))]),
    element("h5", {}, "Arguments"),
    args === undefined ? gone("Arguments are") : valueView("Arguments", args),
    element("h5", {}, "Answer"),
    answer === undefined
      ? gone("The answer is")
      : answer.ok
        ? valueView("Answer", answer.json)
        : textView("Answer", answer.message),
  ];
}
