import { element } from "./element.ts";
import { formatCount } from "./format.ts";
import type { Bar } from "./page-tools.ts";

/** A bar chart as a list: label, bar and number, readable without seeing the bars. */
export function barChart(title: string, bars: readonly Bar[]): HTMLElement {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ label, value }) => {
    const fill = element("span", { class: "bar-fill" });
    fill.style.width = `${(value / most) * 100}%`;
    return element(
      "li",
      {},
      element("span", { class: "bar-label" }, label),
      element("span", { class: "bar-track", "aria-hidden": "true" }, fill),
      element("span", { class: "bar-value" }, formatCount(value)),
    );
  });
  return element("figure", { class: "chart" }, element("figcaption", {}, title), element("ul", {}, ...rows));
}
