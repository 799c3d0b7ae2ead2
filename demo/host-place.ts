import { element, requireElement } from "./element.ts";

/** A Node host that a link named, as `npx mcp-optimizer serve` prints it. */
export interface HostLink {
  readonly url: string;
  readonly token: string;
}

const LINK = "mcp-optimizer-demo-host";
const PLACE = "mcp-optimizer-demo-place";

/**
 * The host to run programs on, if the visitor came by its link and wants it. The token leaves the address at once and
 * stays in this tab.
 */
export function chooseHost(): HostLink | undefined {
  const given = parseLink(location.hash);
  if (given !== undefined) {
    sessionStorage.setItem(LINK, JSON.stringify(given));
    sessionStorage.setItem(PLACE, "host");
    history.replaceState(null, "", location.pathname + location.search);
  }
  const link = given ?? readLink();
  if (link === undefined) return undefined;
  const label = requireElement("place-label", HTMLLabelElement);
  const choice = requireElement("place", HTMLSelectElement);
  choice.replaceChildren(
    element("option", { value: "page" }, "in this page"),
    element("option", { value: "host" }, `on ${new URL(link.url).host}`),
  );
  choice.value = sessionStorage.getItem(PLACE) === "host" ? "host" : "page";
  choice.addEventListener("change", () => {
    sessionStorage.setItem(PLACE, choice.value);
    location.reload();
  });
  label.hidden = false;
  return choice.value === "host" ? link : undefined;
}

function parseLink(hash: string): HostLink | undefined {
  const fields = new URLSearchParams(hash.slice(1));
  const url = fields.get("host");
  const token = fields.get("token");
  if (url === null || token === null || !URL.canParse(url)) return undefined;
  return { url: new URL(url).origin, token };
}

function readLink(): HostLink | undefined {
  const text = sessionStorage.getItem(LINK);
  return text === null ? undefined : JSON.parse(text);
}
