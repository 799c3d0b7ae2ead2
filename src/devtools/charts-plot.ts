// uPlot and what it draws: loaded with the first look at the charts.

import UPlot from "uplot";
import chartStyles from "uplot/dist/uPlot.min.css?inline";
import { element } from "./dom.ts";

/** What is drawn over time, a point for each run. */
export interface PlotOptions {
  readonly format: (value: number) => string;
  /** Values lie decades apart. */
  readonly isLogarithmic: boolean;
  readonly series: readonly { readonly label: string; readonly ink: Ink }[];
}

export interface Plot {
  /** Seconds since 1970, and a list of values for each series. */
  show(times: readonly number[], values: readonly (readonly (number | null)[])[]): void;
}

const INKS = ["accent", "warn", "muted", "border"] as const;

/** The name of a colour. */
export type Ink = (typeof INKS)[number];

const HEIGHT = 150;
const LABEL_WIDTH = 88;
const POINT = 5;

/** Of a logarithmic axis: its powers of ten. */
const decades = (_: UPlot, splits: readonly number[]): (number | null)[] =>
  splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));

const sheet = new CSSStyleSheet();
sheet.replaceSync(chartStyles);

/** Draws into `place`, which fills the width that it has. */
export function createPlot(place: HTMLElement, { format, isLogarithmic, series }: PlotOptions): Plot {
  const root = place.getRootNode();
  if (root instanceof ShadowRoot && !root.adoptedStyleSheets.includes(sheet))
    // First: our own rules go before the library's.
    root.adoptedStyleSheets = [sheet, ...root.adoptedStyleSheets];
  // A canvas knows no custom properties: what these compute to is what it draws with.
  const inks = new Map(INKS.map((ink) => [ink, element("i", { class: `ink-${ink}` })]));
  place.append(...inks.values());
  const colour = (ink: Ink) => (): string => {
    const probe = inks.get(ink);
    return probe === undefined ? "" : getComputedStyle(probe).color;
  };
  const line = { stroke: colour("border"), width: 1, ...(isLogarithmic ? { filter: decades } : {}) };
  const time = { stroke: colour("border"), width: 1 };
  const plot = new UPlot(
    {
      width: Math.max(place.clientWidth, 1),
      height: HEIGHT,
      cursor: { sync: { key: "mcp-optimizer-devtools" }, drag: { x: true, y: false } },
      scales: { y: isLogarithmic ? { distr: 3 } : {} },
      axes: [
        { stroke: colour("muted"), grid: time, ticks: time },
        {
          stroke: colour("muted"),
          grid: line,
          ticks: line,
          size: LABEL_WIDTH,
          ...(isLogarithmic ? { filter: decades } : {}),
          values: (_, splits) => splits.map((split) => (split === null ? "" : format(split))),
        },
      ],
      series: [
        { label: "began" },
        ...series.map(({ label, ink }) => ({
          label,
          stroke: colour(ink),
          value: (_: UPlot, value: number | null) => (value === null ? "–" : format(value)),
          paths: () => null,
          points: { show: true, size: POINT, fill: colour(ink) },
        })),
      ],
    },
    [[], ...series.map(() => [])],
    place,
  );
  new ResizeObserver(() => {
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  return {
    show: (times, values) => plot.setData([[...times], ...values.map((list) => [...list])]),
  };
}
