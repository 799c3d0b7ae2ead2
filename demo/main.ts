import {
  createOptimizer,
  type Decisions,
  findOptimizerError,
  type JsonObject,
  LIMITS,
  type Optimizer,
  type ResumeRunOptions,
  type RunEvent,
  type RunResult,
  SandboxFrame,
} from "../src/index.ts";
import { remote } from "../src/remote.ts";
import { createAccounts, withAccounts } from "./accounts.ts";
import { createActivityPanel } from "./activity-panel.ts";
import { createCatalogPanel } from "./catalog-panel.ts";
import { showCost } from "./cost-panel.ts";
import { createDevtoolsPanel } from "./devtools-panel.ts";
import { element, requireElement } from "./element.ts";
import { formatCounted, formatMs } from "./format.ts";
import { chooseHost } from "./host-place.ts";
import { createIntentPanel } from "./intent-panel.ts";
import { DEMO_INTENTS } from "./intents.ts";
import { createMeters } from "./meters.ts";
import { createNotices } from "./notices.ts";
import { changeTool, createPageTools } from "./page-tools.ts";
import { createProgramPanel, type ProgramRequest } from "./program-panel.ts";
import type { DemoLanguage } from "./ready-program.ts";
import { createResultPanel, failure, type ResultActions } from "./result-panel.ts";
import { findServerAddresses } from "./server-addresses.ts";
import { showServers } from "./server-list.ts";
import { createSessionPanel, type SessionPanel } from "./session-panel.ts";

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
const notices = requireElement("notices", HTMLElement);
const pageTools = createPageTools({
  notify: createNotices(notices),
  clear: () => {
    const { length } = notices.children;
    notices.replaceChildren();
    return length;
  },
  chart: (title, bars) => result.addChart(title, bars),
});
const actions: ResultActions = {
  goTo: (position) => panel.editor.goTo(position),
  resume: (token, decisions) => void resume(token, decisions),
  save: (runId, name) => void save(runId, name),
  open: async (handle) => {
    if (optimizer === undefined) throw new Error("The engine did not start.");
    return optimizer.open(handle, inSession());
  },
};
let optimizer: Optimizer | undefined;
let running: AbortController | undefined;
let sessions: SessionPanel | undefined;
const panel = createProgramPanel({
  onRun: (request) => void run(request),
  onCancel: () => running?.abort(),
  onLanguage: (language) => void prepare(language),
});

catalog.open = !narrow.matches;
narrow.addEventListener("change", () => {
  catalog.open = !narrow.matches;
});
requireElement("change-tool", HTMLButtonElement).addEventListener("click", () => {
  changeTool();
  location.reload();
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
  const host = chooseHost();
  const accounts = createAccounts(Object.keys(addresses));
  try {
    const engine = await createOptimizer({
      ...(host === undefined ? {} : { sandboxes: [remote(host)] }),
      servers: withAccounts(addresses, accounts),
      tools: pageTools,
      intents: DEMO_INTENTS,
      frame: new SandboxFrame({ url: "./sandbox.html" }),
      connectWaitMs: CONNECT_WAIT_MS,
    });
    const catalogPanel = createCatalogPanel(engine, Object.keys(pageTools).length);
    const intents = createIntentPanel(engine, {
      onExecute: (intent, params) => void execute(intent, params),
      onWrong: (message) => {
        result.showFailure(new Error(message));
        say("failed", "Not run");
      },
    });
    const refresh = (): void => {
      intents.refresh();
      showServers(servers, engine.servers, addresses, accounts);
      showCost(cost, engine);
      catalogPanel.refresh();
    };
    engine.onChange(refresh);
    for (const account of accounts.values()) account.onChange(refresh);
    refresh();
    optimizer = engine;
    createDevtoolsPanel(engine);
    sessions = await createSessionPanel(engine, (error) => result.showFailure(error));
    panel.setState("ready");
    say("ready", host === undefined ? "Ready" : "Ready: programs run on the host");
    await showWaiting(engine);
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

function run({ language, code, timeoutMs }: ProgramRequest): Promise<void> {
  return follow(timeoutMs, (engine, options) =>
    engine.run({ language, code }, { ...options, ...inSession(), limits: { timeoutMs } }),
  );
}

function resume(token: string, decisions: Decisions): Promise<void> {
  return follow(undefined, (engine, options) => engine.resume(token, decisions, options));
}

async function save(runId: string, name: string): Promise<void> {
  try {
    await optimizer?.intents.save(runId, { name });
    say("returned", `Saved as the intent ${name}: see Intents`);
  } catch (error) {
    result.showFailure(error);
    say("failed", "Not saved");
  }
}

/** Carries an intent out, in the mode that is chosen. */
async function execute(intent: string, params: JsonObject): Promise<void> {
  if (optimizer === undefined || running !== undefined) return;
  running = new AbortController();
  panel.setState("running");
  result.showRunning();
  meters.start(LIMITS.timeoutMs.initial);
  say("running", "Running…");
  const options = { signal: running.signal, onEvent: show, ...inSession() };
  const response = await optimizer.execute({ intent, params, id: intent }, options);
  running = undefined;
  panel.setState("ready");
  void sessions?.refresh();
  result.showResponse(response, actions);
  if ("error" in response) say("threw", `${intent}: code ${response.error.code}`);
  else if ("suspended" in response.result) say("suspended", `${intent} waits for you`);
  else say("returned", `${intent} returned`);
}

/** Shows a run from its start to its end. */
async function follow(
  timeoutMs: number | undefined,
  begin: (engine: Optimizer, options: ResumeRunOptions) => Promise<RunResult>,
): Promise<void> {
  if (optimizer === undefined || running !== undefined) return;
  running = new AbortController();
  panel.setState("running");
  panel.editor.markFailure(undefined);
  result.showRunning();
  meters.start(timeoutMs ?? LIMITS.timeoutMs.initial);
  say("running", "Running…");
  try {
    const outcome = await begin(optimizer, { signal: running.signal, onEvent: show });
    result.showResult(outcome, actions);
    markFailure(outcome);
    say(outcome.status, sentence(outcome));
  } catch (error) {
    result.showFailure(error);
    say("failed", `Not run: ${findOptimizerError(error)?.kind ?? "failed"}`);
  } finally {
    running = undefined;
    void sessions?.refresh();
    preparing.hidden = true;
    panel.setState("ready");
    if (narrow.matches)
      status.scrollIntoView({ block: "start", behavior: stillness.matches ? "auto" : "smooth" });
  }
}

/** The session that the visitor has chosen. */
function inSession(): { readonly session?: string } {
  return sessions === undefined ? {} : { session: sessions.session };
}

/** A run that waited when the page was left goes on from here. */
async function showWaiting(engine: Optimizer): Promise<void> {
  const [waiting] = await engine.suspended(sessions?.session);
  if (waiting === undefined) return;
  result.showWaiting(waiting, actions);
  say("suspended", "A program waits for you");
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
    case "suspended":
      return `Waits for you to decide about ${formatCounted(outcome.approvals.length, "tool call")}`;
    default:
      return outcome satisfies never;
  }
}

function say(state: string, text: string): void {
  status.dataset["state"] = state;
  status.textContent = text;
}
