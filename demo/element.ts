export { element } from "../src/devtools/dom.ts";

/** The element of index.html with this id. Throws when the page and the script disagree. */
export function requireElement<E extends Element>(id: string, type: new () => E): E {
  const node = document.getElementById(id);
  if (node instanceof type) return node;
  throw new Error(`index.html has no ${type.name} with the id ${id}.`);
}

/** Says that a button does nothing now, and leaves it focusable: a run must not throw the focus away. */
export function setDisabled(button: HTMLButtonElement, disabled: boolean): void {
  button.setAttribute("aria-disabled", String(disabled));
}

/** Whether {@link setDisabled} has switched a button off. */
export function isDisabled(button: HTMLButtonElement): boolean {
  return button.getAttribute("aria-disabled") === "true";
}
