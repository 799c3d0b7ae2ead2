import type { ServerOptions } from "../src/index.ts";
import { type Account, oauth } from "../src/sign-in.ts";

/** An account at each server; those that want no sign-in never hear of it. */
export function createAccounts(names: readonly string[]): ReadonlyMap<string, Account> {
  const options = { redirectUrl: "./signed-in.html", clientName: "MCP Optimizer demo" };
  return new Map(names.map((name) => [name, oauth(options)]));
}

/** The servers' options with their accounts. */
export function withAccounts(
  addresses: Readonly<Record<string, string>>,
  accounts: ReadonlyMap<string, Account>,
): Readonly<Record<string, ServerOptions>> {
  return Object.fromEntries(
    Object.entries(addresses).map(([name, url]) => {
      const auth = accounts.get(name);
      return [name, auth === undefined ? { url } : { url, auth }];
    }),
  );
}
