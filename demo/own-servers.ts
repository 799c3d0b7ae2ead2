// What crosses here: an address that a visitor typed or pasted. It names a server that may answer anything: the
// engine reads its answers; here the address itself is read.

import { isJsonObject } from "../src/base/json.ts";
import { identifierOf } from "../src/tools/names.ts";
import { parseOutsideUrl } from "./outside-url.ts";

/** Addresses by name. */
export type Addresses = Readonly<Record<string, string>>;

/** Addresses stay in this tab: some have a key in their query. */
const KEPT = "mcp-optimizer-demo-servers";
const MAX_SERVERS = 10;

/** Reads the address of an MCP endpoint. Throws an Error that says what to write instead. */
export function parseServerUrl(text: string): URL {
  return parseOutsideUrl(text, "https://example.com/mcp");
}

/** The servers with one more, under a name of its address. Throws when it is there, or when there are many. */
export function addServer(
  own: Addresses,
  others: Addresses,
  url: URL,
): { readonly own: Addresses; readonly name: string } {
  const all = { ...others, ...own };
  const known = Object.entries(all).find(([, address]) => address === url.href);
  if (known !== undefined) throw new Error(`This server is here already, as ${known[0]}.`);
  if (Object.keys(own).length >= MAX_SERVERS)
    throw new Error("Ten servers of your own are the most: remove one first.");
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
    const addresses = Object.entries(kept).flatMap(([name, address]): [string, string][] =>
      typeof address === "string" ? [[identifierOf(name), parseServerUrl(address).href]] : [],
    );
    return Object.fromEntries(addresses.slice(0, MAX_SERVERS));
  } catch {
    return {};
  }
}

export function keepOwnServers(storage: Pick<Storage, "setItem">, own: Addresses): void {
  storage.setItem(KEPT, JSON.stringify(own));
}
