import { isJsonObject } from "../src/base/json.ts";

/** The sample servers of the demo, and their ports when nothing else is said. */
const PORTS = { errors: 4171, everything: 4172 } as const;

/**
 * Addresses of the MCP servers by name. A query parameter wins (`?errors=http://127.0.0.1:4171/mcp`),
 * then what the page's server says in `servers.json`, then the default port on the page's host.
 */
export async function findServerAddresses(page: Location): Promise<Readonly<Record<string, string>>> {
  const query = new URLSearchParams(page.search);
  const asked = Object.keys(PORTS).flatMap((name): [string, string][] => {
    const address = query.get(name);
    return address === null || address === "" ? [] : [[name, address]];
  });
  const served = asked.length === Object.keys(PORTS).length ? {} : await readServedAddresses();
  const host = page.hostname === "" ? "127.0.0.1" : page.hostname;
  const usual = Object.entries(PORTS).map(([name, port]): [string, string] => [
    name,
    `http://${host}:${port}/mcp`,
  ]);
  return { ...Object.fromEntries(usual), ...served, ...Object.fromEntries(asked) };
}

/** `npm start` serves the file with the ports that it found; a static host has none. */
async function readServedAddresses(): Promise<Readonly<Record<string, string>>> {
  try {
    const response = await fetch("./servers.json");
    if (!response.ok || !response.headers.get("content-type")?.startsWith("application/json")) return {};
    const addresses: unknown = await response.json();
    if (!isJsonObject(addresses)) return {};
    const known = Object.entries(addresses).filter((entry): entry is [string, string] => {
      const [name, address] = entry;
      return Object.hasOwn(PORTS, name) && typeof address === "string";
    });
    return Object.fromEntries(known);
  } catch {
    return {};
  }
}
