import { element } from "../element.ts";
import { parseOutsideUrl } from "../outside-url.ts";
import type { ModelApi, ModelSettings } from "./chat-model.ts";

/** Where each API usually is, and a model that it usually has. */
const USUAL: Readonly<Record<ModelApi, { readonly baseUrl: string; readonly model: string }>> = {
  openai: { baseUrl: "https://api.openai.com/v1", model: "gpt-5" },
  anthropic: { baseUrl: "https://api.anthropic.com", model: "claude-opus-4-8" },
};

/** The choice of a model, with the visitor's own key. */
export interface SettingsForm {
  readonly node: HTMLDetailsElement;
  /** What is chosen. Throws an Error that says what is missing. */
  read(): ModelSettings;
}

/** The key stands in its field and nowhere else: no storage, no link, no log. */
export function createSettingsForm(): SettingsForm {
  const api = element(
    "select",
    { id: "chat-api" },
    element("option", { value: "openai" }, "OpenAI, or compatible"),
    element("option", { value: "anthropic" }, "Anthropic, or compatible"),
  );
  const text = { autocomplete: "off", spellcheck: "false" };
  const baseUrl = element("input", { id: "chat-url", type: "url", ...text });
  const model = element("input", { id: "chat-model", type: "text", ...text });
  const key = element("input", {
    id: "chat-key",
    type: "password",
    "aria-describedby": "chat-key-help",
    ...text,
  });
  const chosen = (): ModelApi => (api.value === "anthropic" ? "anthropic" : "openai");
  const fill = (): void => {
    baseUrl.value = USUAL[chosen()].baseUrl;
    model.value = USUAL[chosen()].model;
    // A key is for one address.
    key.value = "";
  };
  api.addEventListener("change", fill);
  // Some browsers keep what was chosen before a reload.
  api.value = "openai";
  fill();
  const field = (label: string, control: HTMLElement): HTMLElement =>
    element("div", { class: "chat-field" }, element("label", { for: control.id }, label), control);
  const node = element(
    "details",
    { class: "chat-settings" },
    element("summary", {}, "Model and key"),
    element(
      "div",
      { class: "chat-fields" },
      field("The endpoint speaks", api),
      field("Base URL", baseUrl),
      field("Model", model),
      field("Your key", key),
      element(
        "p",
        { id: "chat-key-help", class: "muted" },
        "The key goes to this address only. It stays in this field and is forgotten with the page; local servers need none.",
      ),
    ),
  );
  node.open = true;
  return {
    node,
    read() {
      const url = parseOutsideUrl(baseUrl.value, USUAL[chosen()].baseUrl);
      if (model.value.trim() === "") throw new Error("Name the model.");
      const isLocal = url.hostname === "localhost" || url.hostname === "127.0.0.1";
      if (key.value.trim() === "" && !isLocal) throw new Error("Give your key for this endpoint.");
      return { api: chosen(), baseUrl: url.href, model: model.value.trim(), key: key.value.trim() };
    },
  };
}
