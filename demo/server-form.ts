import type { Optimizer } from "../src/index.ts";
import { element, requireElement } from "./element.ts";
import { formatCounted } from "./format.ts";
import { type Addresses, addServer, keepOwnServers, parseServerUrl, readOwnServers } from "./own-servers.ts";

/** The servers that the visitor adds. */
export interface ServerForm {
  readonly own: Addresses;
  remove(name: string): void;
  /** Tells what has become of the server that was added last. */
  refresh(optimizer: Optimizer): void;
}

export interface ServerFormOptions {
  /** The servers that the page has by itself. */
  readonly others: () => Addresses;
  /** The servers are other ones now. Returns false when nothing can change yet. */
  readonly onChange: () => boolean;
}

/** Tools of a new server that are named at once; the catalog has them all. */
const MAX_NAMED = 8;

/** Wires "Add a server" of index.html. */
export function createServerForm({ others, onChange }: ServerFormOptions): ServerForm {
  const form = requireElement("server-form", HTMLFormElement);
  const input = requireElement("server-url", HTMLInputElement);
  const said = requireElement("server-said", HTMLElement);
  let own = readOwnServers(sessionStorage);
  let awaited: string | undefined;

  const say = (state: "busy" | "done" | "failed", ...parts: readonly (Node | string)[]): void => {
    said.dataset["state"] = state;
    said.replaceChildren(...parts);
    input.setAttribute("aria-invalid", String(state === "failed"));
  };
  /** Takes the servers on, unless a program runs with those that are there. */
  const change = (next: Addresses): boolean => {
    const before = own;
    own = next;
    if (onChange()) {
      keepOwnServers(sessionStorage, own);
      return true;
    }
    own = before;
    say("failed", "Not now: wait until the page is ready and no program runs.");
    return false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      const added = addServer(own, others(), parseServerUrl(input.value));
      if (!change(added.own)) return;
      awaited = added.name;
      say("busy", `Connecting to ${added.name}…`);
    } catch (error) {
      say("failed", error instanceof Error ? error.message : String(error));
      input.focus();
    }
  });

  return {
    get own() {
      return own;
    },
    remove(name) {
      const { [name]: _, ...rest } = own;
      if (!change(rest)) return;
      awaited = undefined;
      say("done", `${name} is removed.`);
      input.focus();
    },
    refresh(optimizer) {
      const server = optimizer.servers.find((one) => one.name === awaited);
      if (server === undefined || server.status.state === "connecting") return;
      if (server.status.state === "unavailable") {
        const what = server.status.kind === "sign_in_required" ? "wants you to sign in" : "is not available";
        return say("failed", `${server.name} ${what}: see above.`);
      }
      const { namespace } = server;
      const names = optimizer.search("", { limit: MAX_NAMED, namespace }).map(({ ref }) => ref);
      say(
        "done",
        `${server.name} is ready with ${formatCounted(server.tools, "tool")}: `,
        ...names.flatMap((ref, at) => [at === 0 ? "" : ", ", element("code", {}, ref)]),
        server.tools > names.length ? " and more. Search the catalog." : ".",
      );
      input.value = "";
      awaited = undefined;
    },
  };
}
