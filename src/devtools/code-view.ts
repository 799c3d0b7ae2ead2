import type { RunError } from "../index.ts";
import { redactCode } from "../telemetry/redact.ts";
import { element, scroller } from "./dom.ts";
import { hideText } from "./hide.ts";

const MAX_LINES = 2_000;
const MAX_LINE = 2_000;

/** A program with its lines' numbers; the line that failed is marked and says why. */
export function codeView(code: string, error: RunError | undefined): HTMLElement {
  const lines = redactCode(code).split("\n");
  const shown = lines.slice(0, MAX_LINES).map((line, at) => {
    const failed = error !== undefined && error.line === at + 1;
    const text = element("code", {}, line.slice(0, MAX_LINE));
    if (!failed) return element("li", {}, text);
    const why = `${error.name}: ${hideText(error.message, MAX_LINE)}`;
    return element("li", { class: "failed" }, text, element("p", { class: "why" }, `Failed here. ${why}`));
  });
  const left = lines.length - shown.length;
  return scroller(
    "Program",
    element("ol", { class: "code" }, ...shown),
    ...(left > 0 ? [element("p", { class: "muted" }, `${left} lines more are not shown.`)] : []),
  );
}
