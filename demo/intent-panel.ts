import { isJsonObject, type Json } from "../src/base/json.ts";
import type { ExecutionMode, IntentInfo, JsonObject, Optimizer } from "../src/index.ts";
import { element, requireElement } from "./element.ts";

/** The choice of a mode and an intent. `refresh` lists the intents as they are now. */
export interface IntentPanel {
  refresh(): void;
}

export interface IntentPanelOptions {
  readonly onExecute: (intent: string, params: JsonObject) => void;
  /** What was typed is no object. */
  readonly onWrong: (message: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Wires the intents of index.html to the engine. */
export function createIntentPanel(
  optimizer: Optimizer,
  { onExecute, onWrong, signal }: IntentPanelOptions,
): IntentPanel {
  const mode = requireElement("mode", HTMLSelectElement);
  const choice = requireElement("intent-choice", HTMLSelectElement);
  const about = requireElement("intent-about", HTMLElement);
  const params = requireElement("intent-params", HTMLTextAreaElement);
  const forget = requireElement("intent-forget", HTMLButtonElement);
  const form = requireElement("intent-form", HTMLFormElement);

  const show = (): void => {
    const intent = optimizer.intents.get(choice.value);
    if (intent === undefined) return;
    about.textContent = intent.description;
    void routeOf(optimizer, intent).then((route) => {
      // Another one may have been chosen meanwhile.
      if (choice.value === intent.name) about.textContent = `${intent.description} ${route}`;
    });
    params.value = JSON.stringify(sampleOf(intent));
    forget.hidden = intent.kind !== "skill";
  };
  const refresh = (): void => {
    const chosen = choice.value;
    const infos = optimizer.intents.list();
    const group = (label: string, kind: IntentInfo["kind"]): readonly HTMLElement[] => {
      const options = infos
        .filter((info) => info.kind === kind)
        .map(({ name }) => element("option", { value: name }, name));
      return options.length === 0 ? [] : [element("optgroup", { label }, ...options)];
    };
    choice.replaceChildren(
      ...group("Of this page", "defined"),
      ...group("Saved programs", "skill"),
      ...group("Tools", "tool"),
    );
    if (infos.some(({ name }) => name === chosen)) choice.value = chosen;
    mode.value = optimizer.flags.current.executionMode;
    show();
  };
  choice.addEventListener("change", show, { signal });
  const setMode = (): void => {
    optimizer.flags.set({ executionMode: modeOf(mode.value) });
    show();
  };
  mode.addEventListener("change", setMode, { signal });
  forget.addEventListener("click", () => void optimizer.intents.unsave(choice.value), { signal });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const value = parse(params.value);
    if (value === undefined) onWrong('The parameters must be one JSON object, such as {"most": 3}.');
    else onExecute(choice.value, value);
  };
  form.addEventListener("submit", submit, { signal });
  refresh();
  return { refresh };
}

function modeOf(value: string): ExecutionMode {
  return value === "mcp_only" || value === "code_execution" ? value : "hybrid";
}

/** Which way it would go now. */
async function routeOf(optimizer: Optimizer, { name }: IntentInfo): Promise<string> {
  try {
    const { way, why } = (await optimizer.explain(name)).route;
    return `Now by ${way === "mcp" ? "its tool" : "a program"}: ${why}`;
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Parameters that the schema takes: the required ones, with a value of their type. */
function sampleOf({ params }: IntentInfo): JsonObject {
  const { properties, required } = params;
  const names = Array.isArray(required) ? required.map(String) : [];
  const schemas = isJsonObject(properties) ? properties : {};
  return Object.fromEntries(names.map((name) => [name, sampleValue(schemas[name])]));
}

function sampleValue(schema: Json | undefined): Json {
  if (!isJsonObject(schema)) return "text";
  const { type, minimum, enum: values, default: preset } = schema;
  if (preset !== undefined) return preset;
  if (Array.isArray(values) && values[0] !== undefined) return values[0];
  if (type === "integer" || type === "number") return typeof minimum === "number" ? Math.max(3, minimum) : 3;
  if (type === "boolean") return true;
  if (type === "array") return [];
  return type === "object" ? {} : "text";
}
