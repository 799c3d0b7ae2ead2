import type { ServerState } from "../src/index.ts";
import type { Account } from "../src/sign-in.ts";
import { element } from "./element.ts";
import { formatCounted } from "./format.ts";

/** Where a server stands, as far as the page knows it before the engine is there. */
export type ShownServer = Pick<ServerState, "name" | "status" | "tools">;

const WORDS = { connecting: "connecting…", ready: "ready", unavailable: "unavailable" } as const;

export interface ServerListOptions {
  readonly addresses: Readonly<Record<string, string>>;
  readonly accounts?: ReadonlyMap<string, Account>;
  /** The names of those that the visitor added. */
  readonly own: readonly string[];
  readonly onRemove: (name: string) => void;
}

/** Lists the servers, each with its own state: one that is down says why, and what to do about it. */
export function showServers(
  host: HTMLElement,
  servers: readonly ShownServer[],
  { addresses, accounts, own, onRemove }: ServerListOptions,
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
      const account = accounts?.get(name);
      if (account !== undefined) row.append(...accountParts(name, status, account));
      if (own.includes(name)) {
        const remove = element("button", { type: "button", class: "quiet server-button" }, `Remove ${name}`);
        remove.addEventListener("click", () => onRemove(name));
        row.append(remove);
      }
      return row;
    }),
  );
}

/** A button to sign in where the server wants it, or out, and why the last sign-in failed. */
function accountParts(name: string, status: ShownServer["status"], account: Account): readonly HTMLElement[] {
  const { state, error } = account.status;
  const wanted = status.state === "unavailable" && status.kind === "sign_in_required";
  if (!wanted && state !== "signed_in") return [];
  const out = state === "signed_in";
  const button = element(
    "button",
    { type: "button", class: "server-button" },
    `Sign ${out ? "out of" : "in to"} ${name}`,
  );
  button.addEventListener("click", () => {
    // What went wrong stands in the account's status, which is shown.
    void (out ? account.signOut() : account.signIn()).catch(() => {});
  });
  const why = error === undefined ? [] : [element("p", { class: "hint", role: "alert" }, error.message)];
  return [button, ...why];
}
