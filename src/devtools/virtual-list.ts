import { element } from "./dom.ts";

/** What a virtual list shows. */
export interface VirtualListOptions<Item> {
  readonly label: string;
  readonly rowPixels: number;
  /** Tells items apart. */
  readonly keyOf: (item: Item) => string;
  /** Grows when what the row shows is another. */
  readonly versionOf: (item: Item) => number;
  /** Fills a row, an empty one or one of the same item. */
  readonly draw: (row: HTMLElement, item: Item) => void;
  readonly onSelect: (item: Item) => void;
}

/** A list of any length that holds no more rows than can be seen. One row is reached by Tab, the others by arrow keys. */
export interface VirtualList<Item> {
  readonly node: HTMLElement;
  /** `items` is not copied: call it again when it changed. Where somebody has scrolled to, what they see stays where it is. */
  show(items: readonly Item[], selected: string | undefined): void;
}

/** Rows beyond what is seen, above and below. */
const MARGIN_ROWS = 4;

interface Row {
  readonly node: HTMLElement;
  version: number;
  at: number;
}

export function createVirtualList<Item>(options: VirtualListOptions<Item>): VirtualList<Item> {
  const { rowPixels, keyOf, versionOf } = options;
  const space = element("div", { class: "list-space", role: "presentation" });
  const node = element(
    "div",
    { class: "list", role: "listbox", "aria-label": options.label, tabindex: "0" },
    space,
  );
  const rows = new Map<string, Row>();
  let items: readonly Item[] = [];
  let selected: string | undefined;
  let top: string | undefined;

  const selectedIndex = (): number => items.findIndex((item) => keyOf(item) === selected);
  const draw = (): void => {
    const height = node.clientHeight;
    const first = Math.max(0, Math.floor(node.scrollTop / rowPixels) - MARGIN_ROWS);
    const last = Math.min(items.length, Math.ceil((node.scrollTop + height) / rowPixels) + MARGIN_ROWS);
    const seen = new Set<string>();
    for (let at = first; at < last; at += 1) {
      const item = items[at];
      if (item === undefined) continue;
      const key = keyOf(item);
      seen.add(key);
      drawRow(key, item, at);
    }
    const focused = node.contains(activeElement(node)) && activeElement(node) !== node;
    for (const [key, row] of rows) {
      if (seen.has(key)) continue;
      row.node.remove();
      rows.delete(key);
    }
    const hasSelected = selected !== undefined && rows.has(selected);
    node.tabIndex = hasSelected ? -1 : 0;
    // The row that had the focus has scrolled out of sight.
    if (focused && !node.contains(activeElement(node))) node.focus({ preventScroll: true });
    const topItem = items[Math.floor(node.scrollTop / rowPixels)];
    top = node.scrollTop < rowPixels || topItem === undefined ? undefined : keyOf(topItem);
  };
  const drawRow = (key: string, item: Item, at: number): void => {
    let row = rows.get(key);
    if (row === undefined) {
      row = { node: element("div", { role: "option", class: "row" }), version: -1, at: -1 };
      row.node.addEventListener("click", () => choose(key));
      rows.set(key, row);
      space.append(row.node);
    }
    if (row.version !== versionOf(item)) {
      row.version = versionOf(item);
      options.draw(row.node, item);
    }
    if (row.at !== at) {
      row.at = at;
      row.node.style.transform = `translateY(${at * rowPixels}px)`;
      row.node.setAttribute("aria-posinset", String(at + 1));
    }
    row.node.setAttribute("aria-setsize", String(items.length));
    row.node.setAttribute("aria-selected", String(key === selected));
    row.node.tabIndex = key === selected ? 0 : -1;
  };
  const choose = (key: string): void => {
    const item = items.find((one) => keyOf(one) === key);
    if (item === undefined) return;
    selected = key;
    draw();
    options.onSelect(item);
  };
  const reveal = (at: number): void => {
    const start = at * rowPixels;
    if (start < node.scrollTop) node.scrollTop = start;
    else if (start + rowPixels > node.scrollTop + node.clientHeight)
      node.scrollTop = start + rowPixels - node.clientHeight;
  };

  node.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(node);
  node.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(node.clientHeight / rowPixels) - 1);
    const step = STEPS.get(event.key)?.(selectedIndex(), page, items.length);
    if (step === undefined || items.length === 0) return;
    event.preventDefault();
    const at = Math.min(Math.max(step, 0), items.length - 1);
    const item = items[at];
    if (item === undefined) return;
    reveal(at);
    choose(keyOf(item));
    rows.get(keyOf(item))?.node.focus({ preventScroll: true });
  });

  return {
    node,
    show(nextItems, nextSelected) {
      const before = top;
      const offset = node.scrollTop % rowPixels;
      items = nextItems;
      selected = nextSelected;
      node.hidden = items.length === 0;
      space.style.height = `${items.length * rowPixels}px`;
      const at = before === undefined ? -1 : items.findIndex((item) => keyOf(item) === before);
      const scrollTop = at * rowPixels + offset;
      if (at >= 0 && scrollTop !== node.scrollTop) node.scrollTop = scrollTop;
      draw();
    },
  };
}

function activeElement(node: Node): Element | null {
  const root = node.getRootNode();
  return root instanceof ShadowRoot ? root.activeElement : document.activeElement;
}

/** From the chosen row to the next one. */
const STEPS: ReadonlyMap<string, (at: number, page: number, count: number) => number> = new Map([
  ["ArrowDown", (at: number) => at + 1],
  ["ArrowUp", (at: number) => at - 1],
  ["PageDown", (at: number, page: number) => at + page],
  ["PageUp", (at: number, page: number) => at - page],
  ["Home", () => 0],
  ["End", (_at: number, _page: number, count: number) => count - 1],
]);
