// What crosses here: an address that a visitor typed or pasted. It names a server that may answer anything: the
// engine reads its answers; here the address itself is read.

import { isJsonObject } from "../src/base/json.ts";
import { identifierOf } from "../src/tools/names.ts";

/** Addresses by name. */
export type Addresses = Readonly<Record<string, string>>;

/** Addresses stay in this tab: some have a key in their query. */
const KEPT = "mcp-optimizer-demo-servers";
const MAX_SERVERS = 10;

/**
 * Reads the address of an MCP endpoint.
 *
 * The page's policy (`connect-src` in index.html) lets through the same and no more: what is encrypted, and this machine.
 *
 * @throws Error that says what to write instead.
 */
export function parseServerUrl(text: string): URL {
  const written = text.trim();
  if (written === "") throw new Error("Write the address of an MCP endpoint, such as https://example.com/mcp.");
  if (!URL.canParse(written)) throw new Error("This is no address: write it in full, such as https://example.com/mcp.");
  const url = new URL(written);
  const isLoopback = url.hostname === "localhost" || url.hostname === "127.0.0.1";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    throw new Error("Only https: is reached, and http: at localhost or 127.0.0.1, so that nobody on the way reads along.");
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("Leave the user name and password out: a server that wants to know you asks you to sign in.");
  }
  url.hash = "";
  return url;
}

/** The servers with one more, under a name of its address. Throws when it is there, or when there are many. */
export function addServer(own: Addresses, others: Addresses, url: URL): { readonly own: Addresses; readonly name: string } {
  const all = { ...others, ...own };
  const known = Object.entries(all).find(([, address]) => address === url.href);
  if (known !== undefined) throw new Error(`This server is here already, as ${known[0]}.`);
  if (Object.keys(own).length >= MAX_SERVERS) throw new Error("Ten servers of your own are the most: remove one first.");
  const base = identifierOf(url.hostname === "127.0.0.1" ? `local_${url.port}` : url.host);
  let name = base;
  for (let count = 2; Object.hasOwn(all, name) || name === "page"; count += 1) name = `${base}_${count}`;
  return { own: { ...own, [name]: url.href }, name };
}

/** What this tab keeps, read again as if it were typed. */
export function readOwnServers(storage: Pick<Storage, "getItem">): Addresses {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEPT) ?? "{}");
    if (!isJsonObject(kept)) return {};
    return Object.fromEntries(
      Object.entries(kept)
        .slice(0, MAX_SERVERS)
        .map(([name, address]) => [identifierOf(name), parseServerUrl(String(address)).href]),
    );
  } catch {
    return {};
  }
}

export function keepOwnServers(storage: Pick<Storage, "setItem">, own: Addresses): void {
  storage.setItem(KEPT, JSON.stringify(own));
}
