import {
  createOptimizer,
  findOptimizerError,
  type Optimizer,
  type RunEvent,
  type RunResult,
  SandboxFrame,
} from "../src/index.ts";
import { createActivityPanel } from "./activity-panel.ts";
import { createCatalogPanel } from "./catalog-panel.ts";
import { showCost } from "./cost-panel.ts";
import { element, requireElement } from "./element.ts";
import { formatCounted, formatMs } from "./format.ts";
import { createMeters } from "./meters.ts";
import { createNotices } from "./notices.ts";
import { createPageTools } from "./page-tools.ts";
import { createProgramPanel, type ProgramRequest } from "./program-panel.ts";
import type { DemoLanguage } from "./ready-program.ts";
import { createResultPanel, failure } from "./result-panel.ts";
import { findServerAddresses } from "./server-addresses.ts";
import { showServers } from "./server-list.ts";

/** Servers that answer later than this join a page that is already in use. */
const CONNECT_WAIT_MS = 2_000;

const status = requireElement("run-status", HTMLElement);
const cost = requireElement("cost", HTMLElement);
const servers = requireElement("servers", HTMLElement);
const catalog = requireElement("catalog", HTMLDetailsElement);
const narrow = matchMedia("(max-width: 899px)");
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

const result = createResultPanel(requireElement("result", HTMLElement));
const activity = createActivityPanel();
const meters = createMeters();
const preparing = requireElement("preparing", HTMLProgressElement);
const pageTools = createPageTools({
  notify: createNotices(requireElement("notices", HTMLElement)),
  chart: (title, bars) => result.addChart(title, bars),
});
let optimizer: Optimizer | undefined;
let running: AbortController | undefined;
const panel = createProgramPanel({
  onRun: (request) => void run(request),
  onCancel: () => running?.abort(),
  onLanguage: (language) => void prepare(language),
});

catalog.open = !narrow.matches;
narrow.addEventListener("change", () => {
  catalog.open = !narrow.matches;
});
result.showEmpty();
await start();

async function start(): Promise<void> {
  const addresses = await findServerAddresses(location);
  const expected = Object.keys(addresses).map((name) => ({
    name,
    status: { state: "connecting" as const },
    tools: 0,
  }));
  showServers(servers, expected, addresses);
  cost.replaceChildren(element("p", { class: "empty" }, "Counting tokens…"));
  try {
    const engine = await createOptimizer({
      servers: addresses,
      tools: pageTools,
      frame: new SandboxFrame({ url: "./sandbox.html" }),
      connectWaitMs: CONNECT_WAIT_MS,
    });
    const catalogPanel = createCatalogPanel(engine, Object.keys(pageTools).length);
    const refresh = (): void => {
      showServers(servers, engine.servers, addresses);
      showCost(cost, engine);
      catalogPanel.refresh();
    };
    engine.onChange(refresh);
    refresh();
    optimizer = engine;
    panel.setState("ready");
    say("ready", "Ready");
    await prepare(panel.language);
  } catch (error) {
    say("failed", "The engine could not start");
    cost.replaceChildren(element("p", { class: "empty" }, "Nothing to count: the engine did not start."));
    result.showFailure(error);
    servers.replaceChildren(element("li", {}, failure(error)));
  }
}

/** Boots a language while its program is still being read. */
async function prepare(language: DemoLanguage): Promise<void> {
  if (optimizer === undefined || running !== undefined || language !== "python") return;
  preparing.hidden = false;
  say("running", "Python is getting ready…");
  let failed = false;
  try {
    await optimizer.prepare(language);
  } catch (error) {
    failed = true;
    result.showFailure(error);
  }
  if (running !== undefined) return;
  preparing.hidden = true;
  say(failed ? "failed" : "ready", failed ? "Python could not start" : "Python is ready");
}

async function run({ language, code, timeoutMs }: ProgramRequest): Promise<void> {
  if (optimizer === undefined || running !== undefined) return;
  running = new AbortController();
  panel.setState("running");
  panel.editor.markFailure(undefined);
  result.showRunning();
  meters.start(timeoutMs);
  say("running", "Running…");
  try {
    const outcome = await optimizer.run(
      { language, code },
      { limits: { timeoutMs }, signal: running.signal, onEvent: show },
    );
    result.showResult(outcome, (position) => panel.editor.goTo(position));
    markFailure(outcome);
    say(outcome.status, sentence(outcome));
  } catch (error) {
    result.showFailure(error);
    say("failed", `Not run: ${findOptimizerError(error)?.kind ?? "failed"}`);
  } finally {
    running = undefined;
    preparing.hidden = true;
    panel.setState("ready");
    if (narrow.matches)
      status.scrollIntoView({ block: "start", behavior: stillness.matches ? "auto" : "smooth" });
  }
}

function show(event: RunEvent): void {
  activity.handle(event);
  meters.handle(event);
  if (event.type !== "preparing") return;
  preparing.hidden = event.step === "ready";
  say("running", event.step === "ready" ? "Running…" : PREPARING[event.step]);
}

const PREPARING = {
  loading: "The interpreter is loading, once for this page…",
  starting: "A fresh interpreter starts…",
} as const;

function markFailure(outcome: RunResult): void {
  if (outcome.status !== "threw" || outcome.error.line === undefined) return;
  const { line, column, message } = outcome.error;
  panel.editor.markFailure({ line, message, ...(column === undefined ? {} : { column }) });
}

/** What a screen reader says when a run ends. */
function sentence(outcome: RunResult): string {
  const { durationMs, tokens } = outcome.usage;
  switch (outcome.status) {
    case "returned":
      return `Returned ${formatCounted(tokens, "token")} in ${formatMs(durationMs)}${outcome.truncated === undefined ? "" : ", cut to fit"}`;
    case "threw":
      return `Threw ${outcome.error.name}${outcome.error.line === undefined ? "" : ` in line ${outcome.error.line}`} after ${formatMs(durationMs)}`;
    case "stopped":
      return `Stopped: ${outcome.reason}, code ${outcome.code}, after ${formatMs(durationMs)}`;
    default:
      return outcome satisfies never;
  }
}

function say(state: string, text: string): void {
  status.dataset["state"] = state;
  status.textContent = text;
}
