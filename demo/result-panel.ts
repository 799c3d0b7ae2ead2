import type { RunResult } from "../src/index.ts";
import { findOptimizerError } from "../src/index.ts";
import { barChart } from "./bar-chart.ts";
import { jsonView } from "./code-view.ts";
import type { ProgramPosition } from "./editor.ts";
import { element } from "./element.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";
import type { Bar } from "./page-tools.ts";

/** The outcome of the last run. */
export interface ResultPanel {
  /** Says that there is nothing to show yet. */
  showEmpty(): void;
  showRunning(): void;
  showResult(result: RunResult, onGoTo: (position: ProgramPosition) => void): void;
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
    showResult(result, onGoTo) {
      show(element("div", { class: "facts" }, ...flow(result), metrics(result)), outcome(result, onGoTo));
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

function outcome(result: RunResult, onGoTo: (position: ProgramPosition) => void): HTMLElement {
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
        button.addEventListener("click", () => onGoTo(position));
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
    default:
      return result satisfies never;
  }
}

function hintLine(hint: string): HTMLElement {
  return element("p", { class: "hint" }, element("strong", {}, "Hint: "), hint);
}
