import type uPlot from "uplot";
import { element } from "./dom.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";
import type { RecordedRun } from "./recorded-run.ts";

/** What runs took, a point for each: their time, their tokens, their memory. */
export interface ChartsView {
  readonly node: HTMLElement;
  /** Draws at once what is loaded; the library comes with the first call. */
  draw(runs: readonly RecordedRun[]): void;
}

interface Series {
  readonly label: string;
  /** The name of a colour among {@link INKS}. */
  readonly ink: Ink;
  /** `undefined` for a run of which it is not known. */
  readonly of: (run: RecordedRun) => number | undefined;
}

interface Chart {
  readonly title: string;
  readonly format: (value: number) => string;
  /** Values lie decades apart. */
  readonly isLogarithmic?: boolean;
  /** The first one is what the chart says in words. */
  readonly series: readonly [Series, ...Series[]];
}

const INKS = ["accent", "warn", "muted", "border"] as const;
type Ink = (typeof INKS)[number];

const HEIGHT = 150;
const LABEL_WIDTH = 88;
const POINT = 5;

const CHARTS: readonly Chart[] = [
  {
    title: "Time",
    format: formatMs,
    series: [{ label: "took", ink: "accent", of: ({ result }) => result?.usage.durationMs }],
  },
  {
    title: "Tokens",
    format: formatCount,
    isLogarithmic: true,
    series: [
      { label: "went back to the model", ink: "accent", of: ({ result }) => result?.usage.tokens },
      {
        label: "as classic MCP calls",
        ink: "warn",
        of: ({ result }) => result && classicTokens(result.usage),
      },
    ],
  },
  {
    title: "Most memory",
    format: formatBytes,
    series: [{ label: "held", ink: "accent", of: ({ memoryBytes }) => memoryBytes || undefined }],
  },
];

function classicTokens(usage: { readonly tokens: number; readonly tokensSaved: number }): number {
  return usage.tokens + usage.tokensSaved;
}

export function createChartsView(): ChartsView {
  const figures = CHARTS.map(createFigure);
  const node = element("div", { class: "charts" }, ...figures.map(({ node: figure }) => figure));
  let library: typeof uPlot | undefined;
  let isLoading = false;
  let latest: readonly RecordedRun[] = [];
  const show = (): void => {
    for (const figure of figures) figure.show(latest, library);
  };
  const load = async (): Promise<void> => {
    isLoading = true;
    try {
      library = (await import("uplot")).default;
      show();
    } catch {
      // The words are there without it; the next draw tries again.
      isLoading = false;
    }
  };
  return {
    node,
    draw(runs) {
      latest = runs;
      show();
      if (!isLoading) void load();
    },
  };
}

interface Figure {
  readonly node: HTMLElement;
  show(runs: readonly RecordedRun[], library: typeof uPlot | undefined): void;
}

/** Of a logarithmic axis: its powers of ten. */
const decades = (_: uPlot, splits: readonly number[]): (number | null)[] =>
  splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));

function createFigure({ title, format, isLogarithmic = false, series }: Chart): Figure {
  const words = element("span", { class: "muted" });
  const place = element("div", { class: "plot", "aria-hidden": "true" });
  // A canvas knows no custom properties: what these compute to is what it draws with.
  const inks = new Map(INKS.map((ink) => [ink, element("i", { class: `ink-${ink}` })]));
  const colour = (ink: Ink) => (): string => {
    const probe = inks.get(ink);
    return probe === undefined ? "" : getComputedStyle(probe).color;
  };
  let plot: uPlot | undefined;

  const create = (Plot: typeof uPlot): uPlot => {
    const axis = {
      stroke: colour("muted"),
      grid: { stroke: colour("border"), width: 1 },
      ticks: { stroke: colour("border"), width: 1 },
    };
    const created = new Plot(
      {
        width: Math.max(place.clientWidth, 1),
        height: HEIGHT,
        cursor: { sync: { key: "mcp-optimizer-devtools" }, drag: { x: true, y: false } },
        scales: { y: isLogarithmic ? { distr: 3 } : {} },
        axes: [
          axis,
          {
            ...axis,
            size: LABEL_WIDTH,
            ...(isLogarithmic
              ? {
                  filter: decades,
                  grid: { ...axis.grid, filter: decades },
                  ticks: { ...axis.ticks, filter: decades },
                }
              : {}),
            values: (_, splits) => splits.map((split) => (split === null ? "" : format(split))),
          },
        ],
        series: [
          { label: "began" },
          ...series.map(({ label, ink }) => ({
            label,
            stroke: colour(ink),
            value: (_: uPlot, value: number | null) => (value === null ? "–" : format(value)),
            paths: () => null,
            points: { show: true, size: POINT, fill: colour(ink) },
          })),
        ],
      },
      [[], ...series.map(() => [])],
      place,
    );
    new ResizeObserver(() => {
      if (place.clientWidth > 0) created.setSize({ width: place.clientWidth, height: HEIGHT });
    }).observe(place);
    return created;
  };

  return {
    node: element(
      "figure",
      { "aria-label": title },
      element("figcaption", {}, element("strong", {}, title), " ", words, ...inks.values()),
      place,
    ),
    show(runs, library) {
      const known = runs.flatMap((run) => series[0].of(run) ?? []).toSorted((one, other) => one - other);
      const text =
        known.length === 0
          ? "No run has ended yet."
          : `${formatCounted(known.length, "run")}: median ${format(known[known.length >> 1] ?? 0)}, most ${format(known.at(-1) ?? 0)}`;
      if (words.textContent !== text) words.textContent = text;
      if (library === undefined || place.clientWidth === 0) return;
      plot ??= create(library);
      plot.setData([
        runs.map(({ at }) => at / 1_000),
        ...series.map(({ of }) => runs.map((run) => of(run) || null)),
      ]);
    },
  };
}
