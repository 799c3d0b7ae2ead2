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
import frameDigest from "../src/sandbox/browser/frame-document.ts?frame&sha256";
import { createAccounts, withAccounts } from "./accounts.ts";
import { createActivityPanel } from "./activity-panel.ts";
import { createCatalogPanel } from "./catalog-panel.ts";
import { showCost } from "./cost-panel.ts";
import { createDevtoolsPanel } from "./devtools-panel.ts";
import { element, isDisabled, requireElement, setDisabled } from "./element.ts";
import { chooseHost } from "./host-place.ts";
import { createIntentPanel } from "./intent-panel.ts";
import { DEMO_INTENTS } from "./intents.ts";
import { createLinkBar } from "./link-bar.ts";
import { createMeters } from "./meters.ts";
import { createNotices } from "./notices.ts";
import { keepForOffline } from "./offline/register.ts";
import type { Addresses } from "./own-servers.ts";
import { changeTool, createPageTools } from "./page-tools.ts";
import { createProgramPanel, type ProgramRequest } from "./program-panel.ts";
import type { DemoLanguage } from "./ready-program.ts";
import { createResultPanel, failure, type ResultActions } from "./result-panel.ts";
import { runSentence } from "./run-sentence.ts";
import { findServerAddresses } from "./server-addresses.ts";
import { createServerForm } from "./server-form.ts";
import { showServers } from "./server-list.ts";
import { createSessionPanel, type SessionPanel } from "./session-panel.ts";
import type { Tour } from "./tour.ts";

/** Servers that answer later than this join a page that is already in use. */
const CONNECT_WAIT_MS = 2_000;

const status = requireElement("run-status", HTMLElement);
const cost = requireElement("cost", HTMLElement);
const servers = requireElement("servers", HTMLElement);
const catalog = requireElement("catalog", HTMLDetailsElement);
const tourStart = requireElement("tour-start", HTMLButtonElement);
const chatToggle = requireElement("chat-toggle", HTMLButtonElement);
const chatBox = requireElement("chat", HTMLElement);
const skipLink = requireElement("skip-link", HTMLAnchorElement);
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
const host = chooseHost();
const frame = new SandboxFrame({ url: `./sandbox.html?${frameDigest}` });
let optimizer: Optimizer | undefined;
/** Ends what is wired to the engine. */
let life = new AbortController();
let starting = true;
let running: AbortController | undefined;
/** Settles when the last run has. */
let ended: Promise<unknown> = Promise.resolve();
let endChatTurn = (): void => {};
let tour: Tour | undefined;
let sessions: SessionPanel | undefined;
let pageServers: Addresses | undefined;
const serverForm = createServerForm({
  others: () => pageServers ?? {},
  onChange: () => {
    // While it starts, or a program runs, its servers stay as they are.
    if (starting || running !== undefined) return false;
    void start();
    return true;
  },
});
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
createLinkBar(panel);
tourStart.addEventListener("click", () => void startTour());
chatToggle.addEventListener("click", () => void showChat(chatBox.hidden !== false));
await start();
void keepForOffline();

/** Builds the engine over the servers of now, in place of an earlier one. */
async function start(): Promise<void> {
  life.abort();
  life = new AbortController();
  const { signal } = life;
  starting = true;
  const earlier = optimizer;
  optimizer = undefined;
  sessions = undefined;
  panel.setState("waiting");
  setDisabled(tourStart, true);
  say("starting", "Starting the sandbox and connecting to the servers…");
  pageServers ??= await findServerAddresses(location);
  const addresses = { ...pageServers, ...serverForm.own };
  const names = Object.keys(addresses);
  const list = {
    addresses,
    own: Object.keys(serverForm.own),
    onRemove: (name: string) => serverForm.remove(name),
  };
  const expected = names.map((name) => ({ name, status: { state: "connecting" as const }, tools: 0 }));
  showServers(servers, expected, list);
  cost.replaceChildren(element("p", { class: "empty" }, "Counting tokens…"));
  try {
    await earlier?.[Symbol.asyncDispose]();
    const accounts = createAccounts(names);
    const engine = await createOptimizer({
      ...(host === undefined ? {} : { sandboxes: [remote(host)] }),
      servers: withAccounts(addresses, accounts),
      tools: pageTools,
      intents: DEMO_INTENTS,
      frame,
      connectWaitMs: CONNECT_WAIT_MS,
    });
    const catalogPanel = createCatalogPanel(engine, Object.keys(pageTools).length, signal);
    const intents = createIntentPanel(engine, {
      onExecute: (intent, params) => void execute(intent, params),
      onWrong: (message) => {
        result.showFailure(new Error(message));
        say("failed", "Not run");
      },
      signal,
    });
    const refresh = (): void => {
      if (signal.aborted) return;
      intents.refresh();
      showServers(servers, engine.servers, { ...list, accounts });
      showCost(cost, engine);
      catalogPanel.refresh();
      serverForm.refresh(engine);
    };
    engine.onChange(refresh);
    for (const account of accounts.values()) account.onChange(refresh);
    refresh();
    optimizer = engine;
    createDevtoolsPanel(engine, signal);
    sessions = await createSessionPanel(engine, (error) => result.showFailure(error), signal);
    panel.setState("ready");
    setDisabled(tourStart, false);
    say("ready", host === undefined ? "Ready" : "Ready: programs run on the host");
    await showWaiting(engine);
    await prepare(panel.language);
  } catch (error) {
    say("failed", "The engine could not start");
    cost.replaceChildren(element("p", { class: "empty" }, "Nothing to count: the engine did not start."));
    result.showFailure(error);
    servers.replaceChildren(element("li", {}, failure(error)));
  } finally {
    starting = false;
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

function run({ language, code, timeoutMs }: ProgramRequest): Promise<RunResult | undefined> {
  return follow(timeoutMs, (engine, options) =>
    engine.run({ language, code }, { ...options, ...inSession(), limits: { timeoutMs } }),
  );
}

function resume(token: string, decisions: Decisions): Promise<RunResult | undefined> {
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

/** Shows a run from its start to its end. Resolves with undefined when there was none. */
function follow(
  timeoutMs: number | undefined,
  begin: (engine: Optimizer, options: ResumeRunOptions) => Promise<RunResult>,
): Promise<RunResult | undefined> {
  const following = followOne(timeoutMs, begin);
  ended = following;
  return following;
}

async function followOne(
  timeoutMs: number | undefined,
  begin: (engine: Optimizer, options: ResumeRunOptions) => Promise<RunResult>,
): Promise<RunResult | undefined> {
  if (optimizer === undefined || running !== undefined) return undefined;
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
    say(outcome.status, runSentence(outcome));
    tour?.show(outcome);
    return outcome;
  } catch (error) {
    result.showFailure(error);
    say("failed", `Not run: ${findOptimizerError(error)?.kind ?? "failed"}`);
    return undefined;
  } finally {
    running = undefined;
    void sessions?.refresh();
    preparing.hidden = true;
    panel.setState("ready");
    if (narrow.matches)
      status.scrollIntoView({ block: "start", behavior: stillness.matches ? "auto" : "smooth" });
  }
}

/** Shows the chat in place of the program, or the other way round. Its code comes with its first use. */
async function showChat(chat: boolean): Promise<void> {
  chatToggle.setAttribute("aria-pressed", String(chat));
  requireElement("program", HTMLElement).hidden = chat;
  chatBox.hidden = !chat;
  skipLink.href = chat ? "#chat" : "#program";
  skipLink.textContent = chat ? "Skip to the chat" : "Skip to the program";
  if (chat && narrow.matches) chatBox.scrollIntoView({ behavior: stillness.matches ? "auto" : "smooth" });
  if (!chat || chatBox.childElementCount > 0) return;
  const { createChatPanel } = await import("./chat/chat-panel.ts");
  createChatPanel(chatBox, {
    begin(stop) {
      if (optimizer === undefined || running !== undefined) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      running = stop;
      ended = promise;
      endChatTurn = resolve;
      panel.setState("waiting");
      return { optimizer, ...inSession() };
    },
    end() {
      running = undefined;
      panel.setState("ready");
      void sessions?.refresh();
      endChatTurn();
    },
    onEvent: (event) => activity.handle(event),
    openProgram(program) {
      panel.open({
        ...program,
        title: "Of the model",
        about: "A model wrote this program in the chat. Read it before you run it again.",
      });
      void showChat(false);
    },
  });
}

/** Begins the tour, whose code comes with its first use. */
async function startTour(): Promise<void> {
  if (isDisabled(tourStart)) return;
  void showChat(false);
  const { createTour } = await import("./tour.ts");
  tour ??= createTour(
    {
      manifest: () => optimizer?.manifest(),
      run: async (program) => {
        running?.abort();
        await ended;
        panel.choose(program);
        return run(panel.request);
      },
      cancel: () => running?.abort(),
    },
    tourStart,
  );
  tour.start();
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

function say(state: string, text: string): void {
  status.dataset["state"] = state;
  status.textContent = text;
}
