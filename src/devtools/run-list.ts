import { element } from "./dom.ts";
import { formatCounted, formatMs, formatTime } from "./format.ts";
import { hideText } from "./hide.ts";
import { durationOf, type RecordedRun, statusOf } from "./recorded-run.ts";
import { createVirtualList, type VirtualList } from "./virtual-list.ts";

/** The runs, the newest first. */
export function createRunList(onSelect: (run: RecordedRun) => void): VirtualList<RecordedRun> {
  return createVirtualList<RecordedRun>({
    label: "Runs, the newest first",
    rowPixels: 48,
    keyOf: ({ number }) => String(number),
    versionOf: ({ version }) => version,
    draw: drawRun,
    onSelect,
  });
}

function drawRun(row: HTMLElement, run: RecordedRun): void {
  const status = statusOf(run);
  const { result, at, number, callCount, again } = run;
  row.dataset["status"] = status;
  row.replaceChildren(
    element(
      "span",
      { class: "row-title" },
      element("span", { class: `mark ${status}` }, status),
      element("code", {}, hideText(run.title, 120) || "(empty)"),
    ),
    element(
      "span",
      { class: "row-facts" },
      [
        `#${number}`,
        ...(again === undefined ? [] : [`repeats #${again.number}`]),
        formatTime(at),
        ...(result === undefined ? [] : [formatMs(durationOf(run))]),
        formatCounted(callCount, "call"),
        ...(result === undefined ? [] : [formatCounted(result.usage.tokens, "token")]),
      ].join(" · "),
    ),
  );
}
