import { messageOf } from "../base/errors.ts";
import type { Optimizer, SearchHit } from "../index.ts";
import { element, factList } from "./dom.ts";
import { formatCount, formatCounted } from "./format.ts";
import { hideText } from "./hide.ts";
import { textView } from "./value-view.ts";
import { createVirtualList } from "./virtual-list.ts";

/** The tools of all servers, by search. */
export interface CatalogView {
  readonly node: HTMLElement;
  refresh(optimizer: Optimizer | undefined): void;
}

/** As many as a search gives. */
const MAX_HITS = 50;

export function createCatalogView(): CatalogView {
  const query = element("input", {
    type: "search",
    "aria-label": "Search tools and intents",
    placeholder: "Search tools and intents",
    autocomplete: "off",
    spellcheck: "false",
  });
  const status = element("p", { role: "status", class: "muted" });
  const about = element("div", { class: "detail-pane" });
  let engine: Optimizer | undefined;
  let selected: string | undefined;
  let drawn: string | undefined;

  const list = createVirtualList<SearchHit>({
    label: "Tools and intents",
    rowPixels: 48,
    keyOf: ({ ref }) => ref,
    versionOf: () => 0,
    draw: (row, { ref, line, available }) =>
      row.replaceChildren(
        element("span", { class: "row-title" }, element("code", {}, hideText(ref, 200))),
        element("span", { class: "row-facts" }, `${available ? "" : "unavailable · "}${hideText(line, 300)}`),
      ),
    onSelect: ({ ref }) => {
      selected = ref;
      void showTool();
    },
  });
  const showTool = async (): Promise<void> => {
    const ref = selected;
    if (engine === undefined || ref === undefined || drawn === ref) return;
    drawn = ref;
    try {
      const parts = await toolParts(engine, ref);
      if (drawn === ref) about.replaceChildren(...parts);
    } catch (error) {
      if (drawn === ref)
        about.replaceChildren(element("p", { class: "why" }, hideText(messageOf(error), 1_000)));
    }
  };
  const search = (): void => {
    if (engine === undefined) return;
    const hits = engine.search(query.value, { limit: MAX_HITS });
    const { classic, optimized, percent } = engine.manifest().tokenSavings;
    const count = engine.servers.reduce((sum, { tools }) => sum + tools, 0);
    status.textContent = [
      `${formatCounted(hits.length, "hit")}; ${formatCounted(count, "tool")} of servers.`,
      `All definitions: ${formatCounted(classic, "token")}, the one tool: ${formatCount(optimized)} (${percent.toFixed(1)} % less).`,
    ].join(" ");
    if (!hits.some(({ ref }) => ref === selected)) {
      selected = undefined;
      drawn = undefined;
      about.replaceChildren(element("p", { class: "muted" }, "Choose a tool to see how programs call it."));
    }
    list.show(hits, selected);
  };
  query.addEventListener("input", search);

  return {
    node: element(
      "div",
      { class: "panes" },
      element("div", { class: "list-pane" }, element("div", { class: "choices" }, query), status, list.node),
      about,
    ),
    refresh(optimizer) {
      engine = optimizer;
      drawn = undefined;
      search();
      void showTool();
    },
  };
}

async function toolParts(engine: Optimizer, ref: string): Promise<readonly HTMLElement[]> {
  const heading = element("h3", {}, hideText(ref, 200));
  const intent = engine.intents.list().find(({ name, kind }) => name === ref && kind !== "tool");
  if (intent !== undefined)
    return [heading, factList([["Intent", intent.kind]]), textView("Description", intent.description)];
  const { text } = await engine.describe([ref]);
  const grant = engine.grantOf(ref);
  return [
    heading,
    factList([
      ["Policy", `${grant.grant} (${grant.reason})`],
      ["Its answers", grant.labels.source ?? "neither private nor untrusted"],
      ["Sends data out", grant.labels.sink === true ? "yes" : "no"],
    ]),
    textView("Signature", text),
  ];
}
