import { element } from "./dom.ts";

/** One tab and what it shows. */
export interface Tab {
  readonly id: string;
  readonly label: string;
  readonly panel: HTMLElement;
}

/** Tabs as ARIA has them: arrow keys move between them, and what a tab shows is there at once. */
export interface Tabs {
  readonly node: HTMLElement;
  readonly selected: string;
  select(id: string): void;
}

/** `name` tells the tabs of one shadow root apart. */
export function createTabs(
  name: string,
  label: string,
  tabs: readonly Tab[],
  onSelect: (id: string) => void,
): Tabs {
  const buttons = tabs.map(({ id, label: text, panel }) => {
    const tab = element("button", {
      type: "button",
      role: "tab",
      id: `${name}-${id}`,
      "aria-controls": `${name}-${id}-panel`,
    });
    tab.append(text);
    panel.id = `${name}-${id}-panel`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => select(id));
    return tab;
  });
  const list = element("div", { role: "tablist", "aria-label": label }, ...buttons);
  let selected = tabs[0]?.id ?? "";

  const show = (): void => {
    for (const [at, { id, panel }] of tabs.entries()) {
      const isSelected = id === selected;
      buttons[at]?.setAttribute("aria-selected", String(isSelected));
      buttons[at]?.setAttribute("tabindex", isSelected ? "0" : "-1");
      panel.hidden = !isSelected;
    }
  };
  const select = (id: string): void => {
    if (id === selected) return;
    selected = id;
    show();
    onSelect(id);
  };
  list.addEventListener("keydown", (event) => {
    const at = tabs.findIndex(({ id }) => id === selected);
    const next = STEPS.get(event.key)?.(at, tabs.length);
    const tab = next === undefined ? undefined : tabs.at(next % tabs.length);
    if (next === undefined || tab === undefined) return;
    event.preventDefault();
    select(tab.id);
    buttons.at(next % tabs.length)?.focus();
  });
  show();
  return {
    node: element("div", { class: `tabs ${name}` }, list, ...tabs.map(({ panel }) => panel)),
    get selected() {
      return selected;
    },
    select,
  };
}

const STEPS: ReadonlyMap<string, (at: number, count: number) => number> = new Map([
  ["ArrowRight", (at: number) => at + 1],
  ["ArrowLeft", (at: number) => at - 1],
  ["Home", () => 0],
  ["End", (_: number, count: number) => count - 1],
]);
