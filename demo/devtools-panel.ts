import type { Optimizer } from "../src/index.ts";
import { isDisabled, requireElement, setDisabled } from "./element.ts";

/** The button at the top of the page shows the devtools, until `signal` aborts. Nothing of them is loaded before. */
export function createDevtoolsPanel(optimizer: Optimizer, signal: AbortSignal): void {
  const button = requireElement("devtools-toggle", HTMLButtonElement);
  let shown: Promise<HTMLElement> | undefined;
  const load = async (): Promise<HTMLElement> => {
    await import("../src/devtools/index.ts");
    const devtools = document.createElement("mcp-optimizer-devtools");
    devtools.optimizer = optimizer;
    document.querySelector("main")?.after(devtools);
    return devtools;
  };
  const toggle = async (): Promise<void> => {
    const isFirst = shown === undefined;
    shown ??= load();
    const devtools = await shown;
    // Hidden they go on recording.
    if (!isFirst) devtools.hidden = !devtools.hidden;
    button.setAttribute("aria-expanded", String(!devtools.hidden));
    if (!devtools.hidden) devtools.scrollIntoView({ block: "nearest" });
  };
  button.addEventListener("click", () => isDisabled(button) || void toggle(), { signal });
  setDisabled(button, false);
  signal.addEventListener("abort", () => {
    setDisabled(button, true);
    button.setAttribute("aria-expanded", "false");
    void shown?.then((devtools) => devtools.remove());
  });
}
