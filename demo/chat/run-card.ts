import { isJsonObject } from "../../src/base/json.ts";
import type { ApprovalRequest, Decisions, ModelOutput, RunEvent } from "../../src/index.ts";
import { approvalList } from "../approval-list.ts";
import { codeView, jsonView } from "../code-view.ts";
import { element } from "../element.ts";
import type { LinkedProgram } from "../program-link.ts";
import { runSentence } from "../run-sentence.ts";

/** A program that the model wrote: what it is, how it went, and what the model got of it. */
export interface RunCard {
  readonly node: HTMLElement;
  handle(event: RunEvent): void;
  /** Asks the visitor; rejects with the signal's reason. */
  decide(approvals: readonly ApprovalRequest[], signal: AbortSignal): Promise<Decisions>;
  end(output: ModelOutput): void;
}

/** What the model wrote is outside data: it is shown as text, whatever it is. */
export function createRunCard(input: unknown, openProgram: (program: LinkedProgram) => void): RunCard {
  const fields = isJsonObject(input) ? input : {};
  const code = typeof fields["code"] === "string" ? fields["code"] : "";
  const language = fields["language"] === "python" ? "python" : "typescript";
  const state = element("span", { class: "run-status", "data-state": "running" }, "Running…");
  const open = element("button", { type: "button", class: "quiet" }, "Open in the editor");
  open.addEventListener("click", () => openProgram({ language, code }));
  const body = element(
    "div",
    { class: "run-card-body" },
    code === "" ? jsonView(input, "What the model asked for") : codeView(code, "Program of the model"),
    open,
  );
  const details = element("details", {}, element("summary", {}, "Program ", state), body);
  const node = element("div", { class: "chat-run" }, details);
  const show = (name: string, text: string): void => {
    state.dataset["state"] = name;
    state.textContent = text;
  };
  return {
    node,
    handle(event) {
      if (event.type === "finished") show(event.result.status, runSentence(event.result));
    },
    decide(approvals, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<Decisions>();
      const form = approvalList(approvals, resolve);
      node.append(form);
      form.scrollIntoView({ block: "nearest" });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise.finally(() => form.remove());
    },
    end(output) {
      // What never became a run has no event of its own.
      if (state.dataset["state"] === "running") show("failed", "Not run");
      body.append(jsonView(output, "What went back to the model"));
    },
  };
}
