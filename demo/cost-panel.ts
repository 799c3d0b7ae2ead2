import type { Optimizer } from "../src/index.ts";
import { jsonView } from "./code-view.ts";
import { element } from "./element.ts";
import { formatCount } from "./format.ts";

/** Shows what the catalog costs the model the usual way, and with the one tool. */
export function showCost(host: HTMLElement, optimizer: Optimizer): void {
  const { classic, optimized, percent } = optimizer.manifest().tokenSavings;
  const opened = new Set([...host.querySelectorAll("details[open]")].map((one) => one.id));
  const details = (id: string, title: string, value: unknown): HTMLElement => {
    const box = element(
      "details",
      { id, class: "json" },
      element("summary", {}, title),
      jsonView(value, title),
    );
    box.open = opened.has(id);
    return box;
  };
  const saves = percent > 0;
  host.replaceChildren(
    element(
      "p",
      { class: "saving" },
      element("strong", {}, saves ? `${percent.toFixed(1)} %` : "No tools yet"),
      saves ? " fewer tokens, in every request" : "",
    ),
    element(
      "dl",
      { class: "bars" },
      ...bar("Every tool definition", classic, classic, "before"),
      ...bar("MCP Optimizer's one tool", optimized, Math.max(classic, optimized), "after"),
    ),
    details("tool-json", "The one tool, as the model gets it", optimizer.tool),
    details("manifest-json", "The manifest", optimizer.manifest()),
  );
}

function bar(label: string, tokens: number, most: number, kind: string): readonly HTMLElement[] {
  const fill = element("span", { class: `bar-fill ${kind}` });
  fill.style.width = `${Math.max(0.5, (tokens / Math.max(1, most)) * 100)}%`;
  return [
    element("dt", {}, label),
    element(
      "dd",
      {},
      element("span", { class: "tokens" }, `${formatCount(tokens)} tokens`),
      element("span", { class: "bar-track", "aria-hidden": "true" }, fill),
    ),
  ];
}
