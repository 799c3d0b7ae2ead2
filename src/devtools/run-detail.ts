import { type AgainView, createAgainView, type RunAgain } from "./again-view.ts";
import { codeView } from "./code-view.ts";
import { button, element, factList, scroller } from "./dom.ts";
import { formatBytes, formatCount, formatCounted, formatMs, formatTime } from "./format.ts";
import { hideText } from "./hide.ts";
import { durationOf, type RecordedRun, statusOf, violationsOf } from "./recorded-run.ts";
import { createTabs } from "./tabs.ts";
import { createTimelineView } from "./timeline-view.ts";
import { valueView } from "./value-view.ts";

/** Everything about one run. */
export interface RunDetail {
  readonly node: HTMLElement;
  /** Draws what has changed since the last time. */
  show(run: RecordedRun | undefined): void;
}

export interface RunDetailActions {
  readonly again: RunAgain;
  readonly saveSkill: (run: RecordedRun) => void;
  readonly saveTest: (run: RecordedRun) => void;
}

export function createRunDetail(actions: RunDetailActions): RunDetail {
  const head = element("div", { class: "detail-head" });
  const empty = element("p", { class: "muted" }, "Choose a run to look into it.");
  const code = element("div");
  const logs = element("div");
  const result = element("div");
  const again: AgainView = createAgainView(actions.again);
  const againPanel = element("div", {}, again.node);
  const timelinePanel = element("div");
  let current: RecordedRun | undefined;
  let drawn = "";

  const timeline = createTimelineView((fromRecord) => {
    if (current === undefined) return;
    again.show(current, fromRecord);
    tabs.select("again");
  });
  timelinePanel.append(timeline.node);
  const tabs = createTabs(
    "detail",
    "About the chosen run",
    [
      { id: "timeline", label: "Timeline", panel: timelinePanel },
      { id: "code", label: "Code", panel: code },
      { id: "logs", label: "Logs", panel: logs },
      { id: "result", label: "Result", panel: result },
      { id: "again", label: "Run again", panel: againPanel },
    ],
    () => draw(),
  );
  const save = element(
    "div",
    { class: "choices" },
    button("Save as skill", () => current !== undefined && actions.saveSkill(current)),
    button("Save as test", () => current !== undefined && actions.saveTest(current)),
  );
  const body = element("div", { class: "detail-body", hidden: "" }, head, save, tabs.node);

  const draw = (): void => {
    const run = current;
    empty.hidden = run !== undefined;
    body.hidden = run === undefined;
    if (run === undefined) return;
    const state = `${run.number} ${run.version} ${tabs.selected}`;
    if (state === drawn) return;
    drawn = state;
    head.replaceChildren(...headOf(run));
    save.hidden = run.program === undefined;
    switch (tabs.selected) {
      case "timeline":
        return timeline.show(run);
      case "code":
        return code.replaceChildren(...codeParts(run));
      case "logs":
        return logs.replaceChildren(...logParts(run));
      case "result":
        return result.replaceChildren(...resultParts(run));
      default:
        return again.show(run);
    }
  };

  return {
    node: element("div", { class: "detail-pane" }, empty, body),
    show(run) {
      current = run;
      draw();
    },
  };
}

function headOf(run: RecordedRun): readonly HTMLElement[] {
  const { number, at, session, kind, result, memoryBytes, memoryLimitBytes, callCount, again, emptied } = run;
  const usage = result?.usage;
  const memory = `${formatBytes(memoryBytes)}${memoryLimitBytes === 0 ? "" : ` of ${formatBytes(memoryLimitBytes)}`}`;
  const violations = violationsOf(run);
  return [
    element("h3", {}, `Run ${number}: ${statusOf(run)}`),
    factList([
      ["Began", formatTime(at)],
      ["Took", result === undefined ? "is running" : formatMs(durationOf(run))],
      ["Kind", kind],
      ["Session", hideText(session, 200)],
      ["Calls", formatCount(callCount)],
      ["Most memory", memoryBytes === 0 ? "not measured" : memory],
      ["Went back to the model", usage === undefined ? "…" : formatCounted(usage.tokens, "token")],
      ["As classic MCP calls", classicCost(result)],
    ]),
    ...(again === undefined ? [] : [element("p", { class: "again" }, againSentence(run, again))]),
    ...(emptied
      ? [element("p", { class: "muted" }, "Its program, calls and logs went to make room for later runs.")]
      : []),
    ...(violations.length === 0
      ? []
      : [
          element(
            "ul",
            { class: "violations", "aria-label": "Violations" },
            ...violations.slice(0, 20).map((text) => element("li", {}, hideText(text, 500))),
          ),
        ]),
  ];
}

/** What the answers of the tools would have cost in the model's context. */
function classicCost(result: RecordedRun["result"]): string {
  if (result === undefined) return "…";
  const { tokens, tokensSaved } = result.usage;
  if (result.status !== "returned") return "nothing came back";
  return tokensSaved === 0 ? "no more than that" : `about ${formatCounted(tokens + tokensSaved, "token")}`;
}

function againSentence(
  { calls }: RecordedRun,
  { number, fromRecord }: NonNullable<RecordedRun["again"]>,
): string {
  const count = (source: string): number => calls.filter((call) => call.source === source).length;
  const differing = count("differs");
  return [
    `Repeats run ${number}, whose first ${formatCounted(fromRecord, "call")} may answer from the record.`,
    `${formatCounted(count("record"), "call")} did;`,
    `${formatCounted(count("tool") + differing, "call")} went to the tools${differing === 0 ? "." : `, ${differing} of them because the record has no equal call.`}`,
  ].join(" ");
}

function codeParts({ program, result }: RecordedRun): readonly HTMLElement[] {
  if (program === undefined) return [element("p", { class: "muted" }, "No program is kept of this run.")];
  const error = result?.status === "threw" ? result.error : undefined;
  const inputs =
    program.inputs === "{}" ? [] : [element("h4", {}, "Inputs"), valueView("Inputs", program.inputs)];
  return [codeView(program.code, error), ...inputs];
}

/** Lines that are drawn: the page stays quick, whatever a program logs. */
const MAX_LINES = 1_000;

function logParts({ logs, logsLeftOut }: RecordedRun): readonly HTMLElement[] {
  if (logs.length === 0) return [element("p", { class: "muted" }, "The program logged nothing.")];
  const lines = logs
    .slice(0, MAX_LINES)
    .map(({ level, text, atMs }) =>
      element(
        "li",
        { class: `log ${level}` },
        element("span", { class: "muted" }, `${formatMs(atMs)} ${level} `),
        element("span", { class: "text" }, hideText(text, 4_000)),
      ),
    );
  const left = logs.length - lines.length + logsLeftOut;
  return [
    scroller("Logs", element("ol", { class: "logs" }, ...lines)),
    ...(left === 0
      ? []
      : [element("p", { class: "muted" }, `${formatCounted(left, "line")} more not shown.`)]),
  ];
}

function resultParts({ result, value }: RecordedRun): readonly HTMLElement[] {
  switch (result?.status) {
    case undefined:
      return [element("p", { class: "muted" }, "The run is not over.")];
    case "returned":
      return [
        ...(result.truncated === undefined
          ? []
          : [
              element(
                "p",
                {},
                `Cut to fit: the whole value has ${formatCounted(result.truncated.fullTokens, "token")}.`,
              ),
            ]),
        value === undefined
          ? element("p", { class: "muted" }, "The value is not kept.")
          : valueView("Returned value", value),
      ];
    case "threw": {
      const { name, message, stack, hint, code, kind } = result.error;
      return [
        element("p", { class: "why" }, `${hideText(name, 200)}: ${hideText(message, 4_000)}`),
        factList([["Kind", `${hideText(kind, 100)} (${code})`]]),
        ...(hint === undefined ? [] : [element("p", {}, hideText(hint, 2_000))]),
        ...(stack === undefined ? [] : [scroller("Stack", element("pre", {}, hideText(stack, 8_000)))]),
      ];
    }
    case "stopped":
      return [element("p", { class: "why" }, hideText(result.message, 2_000)), element("p", {}, result.hint)];
    case "suspended":
      return [
        element("p", {}, `It waits for decisions about ${formatCounted(result.approvals.length, "call")}.`),
        element(
          "ul",
          {},
          ...result.approvals
            .slice(0, 50)
            .map(({ tool, message }) => element("li", {}, hideText(`${tool}: ${message}`, 500))),
        ),
      ];
    default:
      return result satisfies never;
  }
}
