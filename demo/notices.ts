import { element } from "./element.ts";

const SHOWN_MS = 6_000;
const MAX_SHOWN = 3;

/** Shows short notices one after the other in `host`, a live region, and takes them away again. */
export function createNotices(host: HTMLElement): (message: string) => void {
  return (message) => {
    const notice = element("p", { class: "notice" }, message);
    host.append(notice);
    while (host.children.length > MAX_SHOWN) host.firstElementChild?.remove();
    setTimeout(() => notice.remove(), SHOWN_MS);
  };
}
