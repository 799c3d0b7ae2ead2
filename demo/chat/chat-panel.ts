// What crosses here: the words of a model, which is whoever answers at the address that the visitor gave. All of it is
// shown as text; its programs run in the sandbox like any other, and what needs a decision is asked here.

import { runToolAsking } from "../../src/adaptors/tool-engine.ts";
import type { Optimizer, RunEvent } from "../../src/index.ts";
import { element, isDisabled, setDisabled } from "../element.ts";
import { formatCount } from "../format.ts";
import type { LinkedProgram } from "../program-link.ts";
import { describeChatError } from "./chat-error.ts";
import type { ChatModel, ModelSettings, Turn } from "./chat-model.ts";
import { openChatModel } from "./open-chat-model.ts";
import { createRunCard } from "./run-card.ts";
import { createSettingsForm } from "./settings-form.ts";

/** What the chat needs of the page. */
export interface ChatDeps {
  /** The engine and the session of now, for one turn; undefined while something else runs. */
  readonly begin: (
    stop: AbortController,
  ) => { readonly optimizer: Optimizer; readonly session?: string } | undefined;
  readonly end: () => void;
  readonly onEvent: (event: RunEvent) => void;
  readonly openProgram: (program: LinkedProgram) => void;
}

/** Fills `host` with a chat. */
export function createChatPanel(host: HTMLElement, { begin, end, onEvent, openProgram }: ChatDeps): void {
  const settings = createSettingsForm();
  const log = element("div", { class: "chat-log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  const used = element("p", { class: "muted chat-used", role: "status" }, "No tokens used yet.");
  const message = element("textarea", { id: "chat-message", rows: "2", "aria-describedby": "chat-help" });
  const send = element("button", { type: "submit", class: "primary" }, "Send");
  const stop = element("button", { type: "button" }, "Stop");
  const anew = element("button", { type: "button", class: "quiet" }, "New conversation");
  const form = element(
    "form",
    { class: "chat-form" },
    element("label", { for: "chat-message" }, "Message"),
    message,
    element(
      "div",
      { class: "choices" },
      send,
      stop,
      anew,
      element("span", { id: "chat-help", class: "muted" }, "Enter sends, Shift and Enter begin a line."),
    ),
  );
  host.replaceChildren(
    element("h2", { id: "chat-title", tabindex: "-1" }, "Chat with a model"),
    element(
      "p",
      { class: "muted" },
      "It gets one tool and the manifest. Each program that it writes runs here, and you see it.",
    ),
    settings.node,
    log,
    used,
    form,
  );
  setDisabled(stop, true);

  let model: ChatModel | undefined;
  let modelOf = "";
  let stopping: AbortController | undefined;
  const total = { read: 0, written: 0 };

  const add = (...nodes: readonly HTMLElement[]): void => {
    log.append(...nodes);
    log.scrollTop = log.scrollHeight;
  };
  const addText = (kind: "visitor" | "model" | "problem", text: string): HTMLElement => {
    const who = { visitor: "You: ", model: "Model: ", problem: "" }[kind];
    const body = element("span", {}, text);
    const line = element(
      "div",
      { class: `chat-${kind}` },
      element("span", { class: "visually-hidden" }, who),
      body,
    );
    if (kind === "problem") line.setAttribute("role", "alert");
    add(line);
    return body;
  };
  const showUsage = (): void => {
    used.textContent = `In this conversation: ${formatCount(total.read)} tokens read, ${formatCount(total.written)} written, as the endpoint counts.`;
  };
  const forget = (): void => {
    model = undefined;
    Object.assign(total, { read: 0, written: 0 });
    log.replaceChildren();
    used.textContent = "No tokens used yet.";
  };
  /** The conversation goes on while model and address stay. */
  const requireModel = async (chosen: ModelSettings): Promise<ChatModel> => {
    const identity = JSON.stringify(chosen);
    if (model !== undefined && identity === modelOf) return model;
    if (model !== undefined) forget();
    model = await openChatModel(chosen);
    modelOf = identity;
    return model;
  };

  const say = async (text: string, chosen: ModelSettings): Promise<void> => {
    const controller = new AbortController();
    const { signal } = controller;
    const engine = begin(controller);
    if (engine === undefined) {
      addText("problem", "Not now: wait until the page is ready and no program runs.");
      return;
    }
    stopping = controller;
    setDisabled(send, true);
    setDisabled(anew, true);
    setDisabled(stop, false);
    settings.node.open = false;
    try {
      const talking = await requireModel(chosen);
      addText("visitor", text);
      message.value = "";
      await talking.say(turnOf(engine, text, signal));
    } catch (error) {
      // What was written may be sent again.
      if (message.value === "") message.value = text;
      addText(
        "problem",
        signal.aborted
          ? "Stopped. The model does not remember this turn."
          : describeChatError(error, chosen, location.origin),
      );
    } finally {
      log.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
      setDisabled(send, false);
      setDisabled(anew, false);
      setDisabled(stop, true);
      stopping = undefined;
      end();
    }
  };
  const turnOf = (
    { optimizer, session }: { readonly optimizer: Optimizer; readonly session?: string },
    text: string,
    signal: AbortSignal,
  ): Turn => {
    let saying: HTMLElement | undefined;
    const { tool } = optimizer;
    return {
      text,
      system: `You answer with programs where they help. What they can reach: ${JSON.stringify(optimizer.manifest())}`,
      tool: {
        ...tool,
        async execute(input) {
          saying = undefined;
          const card = createRunCard(input, openProgram);
          add(card.node);
          const heard = (event: RunEvent): void => {
            card.handle(event);
            onEvent(event);
          };
          const output = await runToolAsking(
            optimizer,
            input,
            (approvals) => card.decide(approvals, signal),
            { onEvent: heard, ...(session === undefined ? {} : { session }) },
            signal,
          );
          card.end(output);
          return output;
        },
      },
      onText(piece) {
        if (saying === undefined) {
          saying = addText("model", "");
          // A screen reader hears the whole, not each piece.
          saying.parentElement?.setAttribute("aria-busy", "true");
        }
        saying.append(piece);
        log.scrollTop = log.scrollHeight;
      },
      onUsage(read, written) {
        saying?.parentElement?.removeAttribute("aria-busy");
        saying = undefined;
        total.read += read;
        total.written += written;
        showUsage();
      },
      signal,
    };
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = message.value.trim();
    if (text === "" || isDisabled(send)) return;
    try {
      void say(text, settings.read());
    } catch (error) {
      settings.node.open = true;
      addText("problem", error instanceof Error ? error.message : String(error));
    }
  });
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => stopping?.abort());
  anew.addEventListener("click", () => {
    if (isDisabled(anew)) return;
    forget();
    message.focus();
  });
}
