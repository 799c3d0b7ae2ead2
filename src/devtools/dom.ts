/**
 * Makes an element. Children that are texts stay texts: nothing from outside is ever parsed as HTML.
 *
 * `attributes` has no `style`, which a strict policy of the page forbids.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A button that does something. */
export function button(label: string, onClick: () => void): HTMLButtonElement {
  const node = element("button", { type: "button" }, label);
  node.addEventListener("click", onClick);
  return node;
}

/** Facts under their names. */
export function factList(facts: readonly (readonly [name: string, value: Node | string])[]): HTMLElement {
  return element(
    "dl",
    { class: "facts" },
    ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

/** Text that scrolls, and so has to be reachable by keyboard. */
export function scroller(label: string, ...children: readonly (Node | string)[]): HTMLElement {
  return element(
    "div",
    { class: "scroller", role: "group", "aria-label": label, tabindex: "0" },
    ...children,
  );
}

/** Hands a text to the user as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  element("a", { href: url, download: name }).click();
  // The browser has taken what it needs when the click is handled; some take a moment.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
