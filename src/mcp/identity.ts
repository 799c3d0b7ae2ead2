import type { AuthProvider, OAuthClientProvider } from "@modelcontextprotocol/client";
import { findAccount } from "./server-auth.ts";

/**
 * Makes a function that tells as whom a server is called: what an account says of itself, else a number that grows
 * whenever the credentials of `auth` are others than before. Headers never change. What the browser adds by itself (cookies), and
 * what a transport of the embedder's sends, is not seen here.
 */
export function createIdentity(auth: AuthProvider | OAuthClientProvider | undefined): () => Promise<string> {
  if (auth === undefined) return async () => "0";
  const account = findAccount(auth);
  if (account !== undefined) return () => account.identity();
  let last: string | undefined;
  let changes = 0;
  return async () => {
    const credentials = JSON.stringify(await readCredentials(auth)) ?? "";
    if (last !== undefined && last !== credentials) changes += 1;
    last = credentials;
    return String(changes);
  };
}

/** Both kinds of provider are asked for their credentials at every request. */
async function readCredentials(auth: AuthProvider | OAuthClientProvider): Promise<unknown> {
  if ("tokens" in auth && typeof auth.tokens === "function") return (await auth.tokens())?.access_token;
  return "token" in auth ? auth.token() : undefined;
}
