import { element } from "./dom.ts";
import { formatCounted } from "./format.ts";
import type { RecordedRun } from "./recorded-run.ts";

/** Runs and tokens of the last minute, a bar for each second. */
export interface ActivityChart {
  readonly node: HTMLElement;
  draw(runs: readonly RecordedRun[]): void;
}

const SECONDS = 60;
const HEIGHT = 24;
const SVG = "http://www.w3.org/2000/svg";

export function createActivityChart(): ActivityChart {
  const lines = [
    { name: "run", sizeOf: () => 1 },
    { name: "token", sizeOf: ({ result }: RecordedRun) => result?.usage.tokens ?? 0 },
  ].map((line) => ({ ...line, ...createBars(line.name) }));
  return {
    node: element("div", { class: "chart" }, ...lines.map(({ node }) => node)),
    draw(runs) {
      const now = Date.now();
      for (const { show, sizeOf } of lines) {
        const sums = new Array<number>(SECONDS).fill(0);
        for (let at = runs.length - 1; at >= 0; at -= 1) {
          const run = runs[at];
          const age = run === undefined ? SECONDS : Math.floor((now - run.at) / 1000);
          if (run === undefined || age >= SECONDS) break;
          const slot = SECONDS - 1 - Math.max(0, age);
          sums[slot] = (sums[slot] ?? 0) + sizeOf(run);
        }
        show(sums);
      }
    },
  };
}

function createBars(name: string): {
  readonly node: HTMLElement;
  readonly show: (sums: readonly number[]) => void;
} {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${SECONDS} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const bars = Array.from({ length: SECONDS }, (_, at) => {
    const bar = document.createElementNS(SVG, "rect");
    bar.setAttribute("x", String(at));
    bar.setAttribute("width", "0.8");
    return bar;
  });
  picture.append(...bars);
  const words = element("span", { class: "muted" });
  return {
    node: element("div", { class: "bars" }, picture, words),
    show(sums) {
      const most = Math.max(1, ...sums);
      for (const [at, bar] of bars.entries()) {
        const height = ((sums[at] ?? 0) / most) * HEIGHT;
        bar.setAttribute("height", String(height));
        bar.setAttribute("y", String(HEIGHT - height));
      }
      const sum = sums.reduce((one, other) => one + other, 0);
      const text = `${formatCounted(sum, name)} in the last minute`;
      if (words.textContent !== text) words.textContent = text;
    },
  };
}
