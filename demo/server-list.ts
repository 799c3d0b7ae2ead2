import type { ServerState } from "../src/index.ts";
import { element } from "./element.ts";
import { formatCounted } from "./format.ts";

/** Where a server stands, as far as the page knows it before the engine is there. */
export type ShownServer = Pick<ServerState, "name" | "status" | "tools">;

const WORDS = { connecting: "connecting…", ready: "ready", unavailable: "unavailable" } as const;

/** Lists the servers, each with its own state: one that is down says why, and what to do about it. */
export function showServers(
  host: HTMLElement,
  servers: readonly ShownServer[],
  addresses: Readonly<Record<string, string>>,
): void {
  host.replaceChildren(
    ...servers.map(({ name, status, tools }) => {
      const row = element(
        "li",
        { class: `server ${status.state}`, "data-server": name, "data-state": status.state },
        element("span", { class: "dot", "aria-hidden": "true" }),
        element("span", { class: "server-name" }, name),
        element(
          "span",
          { class: "server-state" },
          status.state === "ready" ? `${WORDS.ready}, ${formatCounted(tools, "tool")}` : WORDS[status.state],
        ),
        element("span", { class: "server-address" }, addresses[name] ?? "in this page"),
      );
      if (status.state === "unavailable") {
        row.append(
          element(
            "div",
            { class: "cause" },
            element("p", {}, status.message),
            element("p", { class: "hint" }, element("strong", {}, "To repair it: "), status.hint),
          ),
        );
      }
      return row;
    }),
  );
}
