import {
  type Decisions,
  findOptimizerError,
  type JsonRpcResponse,
  type Optimizer,
  type Route,
  type RunResult,
  type SuspendedInfo,
} from "../src/index.ts";
import { approvalList } from "./approval-list.ts";
import { barChart } from "./bar-chart.ts";
import { jsonView } from "./code-view.ts";
import type { ProgramPosition } from "./editor.ts";
import { element } from "./element.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";
import { handleList } from "./handle-list.ts";
import type { Bar } from "./page-tools.ts";

/** What a reader can do with a result. */
export interface ResultActions {
  readonly goTo: (position: ProgramPosition) => void;
  /** Goes on with a run that waits for decisions. */
  readonly resume: (token: string, decisions: Decisions) => void;
  /** Fetches what stayed behind. */
  readonly open: Optimizer["open"];
  /** Saves the program of a run as an intent. */
  readonly save: (runId: string, name: string) => void;
}

/** The outcome of the last run. */
export interface ResultPanel {
  /** Says that there is nothing to show yet. */
  showEmpty(): void;
  showRunning(): void;
  showResult(result: RunResult, actions: ResultActions): void;
  /** The answer to a request by intent. */
  showResponse(response: JsonRpcResponse, actions: ResultActions): void;
  /** A run of an earlier visit waits for decisions. */
  showWaiting(waiting: SuspendedInfo, actions: ResultActions): void;
  /** What the engine itself refused or could not do. */
  showFailure(error: unknown): void;
  /** A program asked for a chart: it stays above the result of its run. */
  addChart(title: string, bars: readonly Bar[]): void;
}

/** Shows outcomes in `host`. */
export function createResultPanel(host: HTMLElement): ResultPanel {
  let charts: HTMLElement[] = [];
  const show = (...parts: readonly HTMLElement[]): void => host.replaceChildren(...charts, ...parts);
  return {
    showEmpty() {
      show(element("p", { class: "empty" }, "The value that a program returns, and what it cost."));
    },
    showRunning() {
      charts = [];
      show(element("p", { class: "empty" }, "The program runs in its sandbox."));
    },
    showResult(result, actions) {
      show(element("div", { class: "facts" }, ...flow(result), metrics(result)), outcome(result, actions));
    },
    showResponse(response, actions) {
      show(...responseParts(response, actions));
    },
    showWaiting({ approvals, resume }, actions) {
      show(approvalList(approvals, (decisions) => actions.resume(resume, decisions)));
    },
    showFailure(error) {
      show(failure(error));
    },
    addChart(title, bars) {
      const chart = barChart(title, bars);
      charts.push(chart);
      host.prepend(chart);
    },
  };
}

/** An error of the engine: what happened and what to do. */
export function failure(error: unknown): HTMLElement {
  const known = findOptimizerError(error);
  const message = error instanceof Error ? error.message : String(error);
  return element(
    "div",
    { class: "failure" },
    element("p", {}, message),
    ...(known?.hint === undefined ? [] : [hintLine(known.hint)]),
    ...(known === undefined ? [] : [element("p", { class: "muted" }, `Code ${known.code}, ${known.kind}`)]),
  );
}

/** What stayed in the sandbox, and what goes on to the model: the point of it all. */
function flow({ status, toolCalls, usage }: RunResult): readonly HTMLElement[] {
  if (status !== "returned") return [];
  const bytes = toolCalls.reduce((sum, call) => sum + call.bytes, 0);
  const parts = [flowPart(formatCounted(usage.tokens, "token"), "returned to the model", "out")];
  if (bytes > 0) {
    parts.unshift(
      flowPart(formatBytes(bytes), `answered by ${formatCounted(toolCalls.length, "tool call")}`, "in"),
    );
  }
  if (usage.tokensSaved > 0)
    parts.push(flowPart(`≈ ${formatCount(usage.tokensSaved)}`, "tokens saved", "saved"));
  return [element("div", { class: "flow" }, ...parts)];
}

/** What a request by intent gave, and which way it went. */
function responseParts(response: JsonRpcResponse, actions: ResultActions): readonly HTMLElement[] {
  if ("error" in response) {
    const { message, data } = response.error;
    const box = element("div", { class: "outcome failure" }, element("p", {}, message));
    if (data.hint !== undefined) box.append(hintLine(data.hint));
    return [...routeLine(data.route), box];
  }
  const { result } = response;
  if ("suspended" in result) {
    const { approvals, resume } = result.suspended;
    return [
      ...routeLine(result.route),
      approvalList(approvals, (decisions) => actions.resume(resume, decisions)),
    ];
  }
  return [
    ...routeLine(result.route),
    jsonView(result.value, "Returned value"),
    ...handleList(result.value, actions.open),
  ];
}

function routeLine(route: Route | undefined): readonly HTMLElement[] {
  if (route === undefined) return [];
  const way = route.way === "mcp" ? "By its tool" : "By a program";
  return [element("p", { class: "route" }, element("strong", {}, `${way}. `), route.why)];
}

/** A program that worked may become an intent of its own. */
function saveForm(runId: string, actions: ResultActions): HTMLElement {
  const name = element("input", { type: "text", pattern: "[A-Za-z_][A-Za-z0-9_\\-]{0,63}", maxlength: "64" });
  name.required = true;
  const form = element(
    "form",
    { class: "save" },
    element("label", {}, "Save this program as an intent: ", name),
    element("button", { type: "submit", class: "quiet" }, "Save"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    actions.save(runId, name.value);
  });
  return element("details", {}, element("summary", {}, "Keep it"), form);
}

function flowPart(value: string, label: string, kind: string): HTMLElement {
  return element(
    "div",
    { class: `flow-part ${kind}` },
    element("strong", {}, value),
    element("span", {}, label),
  );
}

function metrics({ usage, toolCalls }: RunResult): HTMLElement {
  const fact = (name: string, value: string): HTMLElement =>
    element("div", {}, element("dt", {}, name), " ", element("dd", {}, value));
  return element(
    "dl",
    { class: "metrics" },
    fact("Duration", formatMs(usage.durationMs)),
    fact("Tool calls", formatCount(toolCalls.length)),
    fact("Peak memory", usage.peakMemoryBytes === 0 ? "unknown" : formatBytes(usage.peakMemoryBytes)),
  );
}

function outcome(result: RunResult, actions: ResultActions): HTMLElement {
  switch (result.status) {
    case "returned":
      return element(
        "div",
        { class: "outcome" },
        jsonView(result.value, "Returned value"),
        ...(result.truncated === undefined
          ? []
          : [
              element(
                "p",
                { class: "truncated" },
                element("strong", {}, "Cut to fit. "),
                `The whole value has ${formatCount(result.truncated.fullTokens)} tokens, and the budget is ${formatCount(result.truncated.maxTokens)}. ${result.truncated.hint}`,
              ),
            ]),
        ...handleList(result.value, actions.open),
        saveForm(result.runId, actions),
      );
    case "threw": {
      const { name, message, line, column, hint, stack } = result.error;
      const box = element(
        "div",
        { class: "outcome failure" },
        element("p", {}, element("strong", {}, name), `: ${message}`),
      );
      if (line !== undefined) {
        const position = { line, message, ...(column === undefined ? {} : { column }) };
        const place = `line ${line}${column === undefined ? "" : `, column ${column}`}`;
        const button = element("button", { type: "button", class: "quiet" }, `Go to ${place}`);
        button.addEventListener("click", () => actions.goTo(position));
        box.append(button);
      }
      if (hint !== undefined) box.append(hintLine(hint));
      if (stack !== undefined) {
        const trace = element(
          "pre",
          { class: "code", tabindex: "0", role: "region", "aria-label": "Stack" },
          stack,
        );
        box.append(element("details", {}, element("summary", {}, "Stack"), trace));
      }
      return box;
    }
    case "stopped":
      return element(
        "div",
        { class: "outcome failure" },
        element("p", {}, result.message),
        hintLine(result.hint),
      );
    case "suspended": {
      const { approvals, resume } = result;
      return approvalList(approvals, (decisions) => actions.resume(resume, decisions));
    }
    default:
      return result satisfies never;
  }
}

function hintLine(hint: string): HTMLElement {
  return element("p", { class: "hint" }, element("strong", {}, "Hint: "), hint);
}
