import type { Ink, Plot } from "./charts-plot.ts";
import { element } from "./dom.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";
import type { RecordedRun } from "./recorded-run.ts";

/** What runs took, a point for each: their time, their tokens, their memory. */
export interface ChartsView {
  readonly node: HTMLElement;
  /** Says it in words at once; the plots come with the first call. */
  draw(runs: readonly RecordedRun[]): void;
}

interface Series {
  readonly label: string;
  readonly ink: Ink;
  /** `undefined` for a run of which it is not known. */
  readonly of: (run: RecordedRun) => number | undefined;
}

interface Chart {
  readonly title: string;
  readonly format: (value: number) => string;
  readonly isLogarithmic?: boolean;
  /** The first one is what the chart says in words. */
  readonly series: readonly [Series, ...Series[]];
}

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

type PlotModule = typeof import("./charts-plot.ts");

export function createChartsView(): ChartsView {
  const figures = CHARTS.map(createFigure);
  let plots: PlotModule | undefined;
  let isLoading = false;
  let latest: readonly RecordedRun[] = [];
  const show = (): void => {
    for (const figure of figures) figure.show(latest, plots);
  };
  const load = async (): Promise<void> => {
    isLoading = true;
    try {
      plots = await import("./charts-plot.ts");
      show();
    } catch {
      // The words are there without it; the next draw tries again.
      plots = undefined;
      isLoading = false;
    }
  };
  return {
    node: element(
      "div",
      // It scrolls, and so has to be reachable by keyboard.
      { class: "charts", role: "group", "aria-label": "Charts", tabindex: "0" },
      ...figures.map(({ node }) => node),
    ),
    draw(runs) {
      latest = runs;
      show();
      if (!isLoading) void load();
    },
  };
}

interface Figure {
  readonly node: HTMLElement;
  show(runs: readonly RecordedRun[], plots: PlotModule | undefined): void;
}

function createFigure({ title, format, isLogarithmic = false, series }: Chart): Figure {
  const words = element("span", { class: "muted" });
  const place = element("div", { class: "plot", "aria-hidden": "true" });
  let plot: Plot | undefined;
  return {
    node: element(
      "figure",
      { "aria-label": title },
      element("figcaption", {}, element("strong", {}, title), " ", words),
      place,
    ),
    show(runs, plots) {
      const known = runs.flatMap((run) => series[0].of(run) ?? []).toSorted((one, other) => one - other);
      const text =
        known.length === 0
          ? "No run has ended yet."
          : `${formatCounted(known.length, "run")}: median ${format(known[known.length >> 1] ?? 0)}, most ${format(known.at(-1) ?? 0)}`;
      if (words.textContent !== text) words.textContent = text;
      if (plots === undefined || place.clientWidth === 0) return;
      plot ??= plots.createPlot(place, { format, isLogarithmic, series });
      plot.show(
        runs.map(({ at }) => at / 1_000),
        series.map(({ of }) => runs.map((run) => of(run) || null)),
      );
    },
  };
}
