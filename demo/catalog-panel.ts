import type { Optimizer, SearchHit } from "../src/index.ts";
import { codeView } from "./code-view.ts";
import { element, requireElement } from "./element.ts";
import { formatCounted } from "./format.ts";

/** Most tools shown at once: `search` gives no more either. */
const MAX_HITS = 50;
const SIGNATURE_TOKENS = 700;

/** The searchable catalog. `refresh` shows it as it is now. */
export interface CatalogPanel {
  refresh(): void;
}

/** Wires the catalog's search box and list to the engine, until the signal. */
export function createCatalogPanel(
  optimizer: Optimizer,
  pageTools: number,
  signal: AbortSignal,
): CatalogPanel {
  const input = requireElement("catalog-search", HTMLInputElement);
  const list = requireElement("catalog-hits", HTMLUListElement);
  const status = requireElement("catalog-status", HTMLElement);
  const count = requireElement("catalog-count", HTMLElement);
  const opened = new Set<string>();

  const showHit = (hit: SearchHit): HTMLElement => {
    const signature = element("div", { class: "signature", id: `signature-${hit.ref}` });
    const button = element(
      "button",
      { type: "button", class: "hit", "aria-controls": signature.id },
      element("span", { class: "hit-ref" }, hit.ref),
      element("span", { class: "hit-line" }, aboutOf(hit)),
    );
    const show = (open: boolean): void => {
      button.setAttribute("aria-expanded", String(open));
      signature.hidden = !open;
      if (open) void showSignature(optimizer, hit.ref, signature);
    };
    show(opened.has(hit.ref));
    button.addEventListener("click", () => {
      const open = !opened.has(hit.ref);
      if (open) opened.add(hit.ref);
      else opened.delete(hit.ref);
      show(open);
    });
    return element("li", hit.available ? {} : { class: "away" }, button, signature);
  };

  const refresh = (): void => {
    const query = input.value.trim();
    // Intents have a place of their own on this page.
    const hits = optimizer.search(query, { limit: MAX_HITS }).filter(({ ref }) => ref.includes("."));
    const total = optimizer.servers.reduce((sum, { tools }) => sum + tools, pageTools);
    count.textContent = formatCounted(total, "tool");
    status.textContent = query === "" ? "" : `${formatCounted(hits.length, "tool")} found`;
    const rest = query === "" && total > hits.length ? total - hits.length : 0;
    list.replaceChildren(
      ...hits.map(showHit),
      ...(hits.length === 0 ? [element("li", { class: "empty" }, "No tool fits. Try other words.")] : []),
      ...(rest > 0
        ? [element("li", { class: "empty" }, `${formatCounted(rest, "more tool")}: search to find them.`)]
        : []),
    );
  };
  input.addEventListener("input", refresh, { signal });
  refresh();
  return { refresh };
}

/** The line without the ref that it begins with, and with the parameters apart. */
function aboutOf({ ref, line }: SearchHit): string {
  const rest = line.startsWith(ref) ? line.slice(ref.length) : line;
  const [, description] = /^.*?\).*? - (.*)$/.exec(rest) ?? [];
  return description ?? rest;
}

async function showSignature(optimizer: Optimizer, ref: string, host: HTMLElement): Promise<void> {
  try {
    const { text, tokens } = await optimizer.describe([ref], { maxTokens: SIGNATURE_TOKENS });
    host.replaceChildren(
      codeView(text.trim(), `Signature of ${ref}`),
      element("p", { class: "muted" }, `What a program reads about it: ${formatCounted(tokens, "token")}`),
    );
  } catch (error) {
    host.replaceChildren(
      element("p", { class: "failure" }, error instanceof Error ? error.message : String(error)),
    );
  }
}
