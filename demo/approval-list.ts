import type { ApprovalRequest, Decisions, JsonObject } from "../src/index.ts";
import { jsonView } from "./code-view.ts";
import { element } from "./element.ts";

/** Shows what a suspended run wants to do, and gives back what the reader decides about each call. */
export function approvalList(
  approvals: readonly ApprovalRequest[],
  onDecided: (decisions: Decisions) => void,
): HTMLElement {
  const cards = approvals.map(approvalCard);
  const goOn = element("button", { type: "button", class: "primary" }, "Go on");
  const form = element(
    "form",
    { class: "approvals" },
    element(
      "p",
      {},
      "The program waits for you. It goes on from here, also after you have reloaded the page.",
    ),
    ...cards.map(({ node }) => node),
    goOn,
  );
  goOn.type = "submit";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onDecided(Object.fromEntries(cards.map(({ id, decide }) => [id, decide()])));
  });
  return form;
}

interface Card {
  readonly id: string;
  readonly node: HTMLElement;
  readonly decide: () => { readonly allow: boolean; readonly remember: boolean };
}

function approvalCard({ id, tool, args, message, change, warnings }: ApprovalRequest): Card {
  const allow = choice(id, "Allow");
  const deny = choice(id, "Deny");
  deny.input.checked = true;
  const remember = element("input", { type: "checkbox" });
  const node = element(
    "fieldset",
    { class: "approval" },
    element("legend", {}, tool),
    element("p", {}, message),
    ...warnings.map((warning) => element("p", { class: "event-error" }, warning)),
    jsonView(args, `Arguments of ${tool}`),
    ...(change === undefined ? [] : [definitionDiff(change)]),
    element(
      "div",
      { class: "choices" },
      allow.label,
      deny.label,
      element("label", {}, remember, "Allow this tool from now on"),
    ),
  );
  return { id, node, decide: () => ({ allow: allow.input.checked, remember: remember.checked }) };
}

function choice(group: string, text: string): { label: HTMLElement; input: HTMLInputElement } {
  const input = element("input", { type: "radio", name: group });
  return { input, label: element("label", {}, input, text) };
}

/** What a server has changed about a tool that was approved, line by line. */
function definitionDiff({ before, after }: NonNullable<ApprovalRequest["change"]>): HTMLElement {
  const old = linesOf(before);
  const now = linesOf(after);
  const lines = [
    ...old.filter((line) => !now.includes(line)).map((line) => diffLine("del", "−", line)),
    ...now.filter((line) => !old.includes(line)).map((line) => diffLine("ins", "+", line)),
  ];
  return element(
    "div",
    { class: "diff" },
    element("p", {}, "Its definition has changed since it was approved:"),
    element(
      "pre",
      { class: "code", tabindex: "0", role: "region", "aria-label": "Changes of the definition" },
      ...lines,
    ),
  );
}

function linesOf(definition: JsonObject): readonly string[] {
  return JSON.stringify(definition, null, 2).split("\n");
}

function diffLine(tag: "del" | "ins", sign: string, line: string): HTMLElement {
  return element(tag, {}, `${sign} ${line}\n`);
}
