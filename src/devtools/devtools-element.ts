import type { Optimizer } from "../index.ts";
import { createCatalogView } from "./catalog-view.ts";
import { createChartsView } from "./charts-view.ts";
import { button, download, element } from "./dom.ts";
import { formatBytes, formatCount, formatCounted } from "./format.ts";
import type { RecordedRun } from "./recorded-run.ts";
import { createRunDetail } from "./run-detail.ts";
import { createRunList } from "./run-list.ts";
import { createRunRecorder, type RunRecorder } from "./run-recorder.ts";
import { createRunStore, STORE_LIMITS } from "./run-store.ts";
import { skillText, testText } from "./saved-files.ts";
import { createSessionView } from "./session-view.ts";
import { devtoolsStyles } from "./styles.ts";
import { createTabs, type Tabs } from "./tabs.ts";

const CHART_MS = 1_000;
const MINUTE_MS = 60_000;

/**
 * `<mcp-optimizer-devtools>`: what an optimizer does, for people.
 *
 * Give it an `optimizer`. It records while it is in a document, and costs runs nothing before and after. What it shows
 * is of guests and servers: text in a shadow root, never parsed, without what looks like a credential.
 */
export class McpOptimizerDevtools extends HTMLElement {
  #optimizer: Optimizer | undefined;
  #recorder: RunRecorder | undefined;
  #selected: number | undefined;
  #drawsSoon = false;
  #chartTimer: ReturnType<typeof setInterval> | undefined;
  #stopListening = (): void => {};
  readonly #store = createRunStore(() => this.#drawSoon());
  readonly #charts = createChartsView();
  readonly #lately = element("p", { class: "muted" });
  readonly #count = element("p", { class: "muted" });
  readonly #sessions = createSessionView();
  readonly #catalog = createCatalogView();
  readonly #list = createRunList((run) => this.#select(run));
  readonly #detail = createRunDetail({
    again: async (run, options) => {
      if (this.#recorder === undefined) throw new Error("The devtools have no optimizer.");
      await this.#recorder.again(run, { ...options, onBegin: (begun) => this.#select(begun) });
    },
    saveSkill: (run) => save(`run-${run.number}.skill.ts`, skillText(run)),
    saveTest: (run) => save(`run-${run.number}.test.ts`, testText(run)),
  });
  readonly #tabs: Tabs = createTabs(
    "main",
    "Devtools",
    [
      { id: "runs", label: "Runs", panel: this.#runsPanel() },
      { id: "charts", label: "Charts", panel: element("div", {}, this.#charts.node) },
      { id: "sessions", label: "Sessions", panel: element("div", {}, this.#sessions.node) },
      { id: "catalog", label: "Catalog", panel: element("div", {}, this.#catalog.node) },
    ],
    () => this.#refresh(),
  );

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [devtoolsStyles()];
    root.append(
      element(
        "section",
        { class: "devtools", "aria-label": "MCP Optimizer devtools" },
        element("div", { class: "head" }, element("h2", {}, "Devtools"), this.#lately),
        this.#tabs.node,
      ),
    );
  }

  /** Whose runs are shown. Another one begins with an empty list. */
  get optimizer(): Optimizer | undefined {
    return this.#optimizer;
  }

  set optimizer(optimizer: Optimizer | undefined) {
    if (optimizer === this.#optimizer) return;
    this.#detach();
    this.#optimizer = optimizer;
    this.#clear();
    if (this.isConnected) this.#attach();
  }

  connectedCallback(): void {
    this.#attach();
  }

  disconnectedCallback(): void {
    this.#detach();
  }

  #attach(): void {
    if (this.#optimizer === undefined || this.#recorder !== undefined) return;
    this.#recorder = createRunRecorder(this.#optimizer, this.#store);
    this.#stopListening = this.#optimizer.onChange(() => this.#refresh());
    this.#chartTimer = setInterval(() => this.#drawCharts(), CHART_MS);
    this.#refresh();
    this.#drawSoon();
  }

  #detach(): void {
    this.#recorder?.[Symbol.dispose]();
    this.#recorder = undefined;
    this.#stopListening();
    clearInterval(this.#chartTimer);
  }

  #runsPanel(): HTMLElement {
    const bounds = `The last ${formatCount(STORE_LIMITS.maxRuns)} runs are kept, and ${formatBytes(STORE_LIMITS.maxCharacters)} of what they carried: the oldest go first.`;
    return element(
      "div",
      {},
      element(
        "div",
        { class: "panes" },
        element(
          "div",
          { class: "list-pane" },
          element(
            "div",
            { class: "choices" },
            button("Clear", () => this.#clear()),
            this.#count,
          ),
          this.#list.node,
          element("p", { class: "muted bounds" }, bounds),
        ),
        this.#detail.node,
      ),
    );
  }

  #clear(): void {
    this.#selected = undefined;
    this.#store.clear();
  }

  #select(run: RecordedRun): void {
    this.#selected = run.number;
    this.#drawSoon();
  }

  /** What does not come by events of runs. */
  #refresh(): void {
    if (this.#tabs.selected === "sessions") this.#sessions.refresh(this.#optimizer);
    if (this.#tabs.selected === "catalog") this.#catalog.refresh(this.#optimizer);
    this.#drawCharts();
    this.#drawSoon();
  }

  /** All points are drawn anew: once a second is enough. */
  #drawCharts(): void {
    const { runs } = this.#store;
    const lately = runsSince(runs, Date.now() - MINUTE_MS);
    const tokens = lately.reduce((sum, { result }) => sum + (result?.usage.tokens ?? 0), 0);
    const text = `${formatCounted(lately.length, "run")}, ${formatCounted(tokens, "token")} in the last minute`;
    if (this.#lately.textContent !== text) this.#lately.textContent = text;
    if (this.#tabs.selected === "charts") this.#charts.draw(runs);
  }

  /** However much happens, it is drawn once for each frame that the browser shows. */
  #drawSoon(): void {
    if (this.#drawsSoon) return;
    this.#drawsSoon = true;
    requestAnimationFrame(() => {
      this.#drawsSoon = false;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#tabs.selected !== "runs") return;
    const { runs, began } = this.#store;
    this.#selected ??= runs.at(-1)?.number;
    const left = began - runs.length;
    this.#count.textContent = `${formatCounted(runs.length, "run")}${left === 0 ? "" : `, ${formatCount(left)} earlier ones are gone`}`;
    this.#list.show(runs.toReversed(), this.#selected === undefined ? undefined : String(this.#selected));
    this.#detail.show(runs.findLast(({ number }) => number === this.#selected));
  }
}

/** Runs began in their order. */
function runsSince(runs: readonly RecordedRun[], at: number): readonly RecordedRun[] {
  return runs.slice(runs.findLastIndex((run) => run.at < at) + 1);
}

function save(name: string, text: string | undefined): void {
  if (text !== undefined) download(name, text);
}
