import type { AuthProvider, OAuthClientProvider } from "@modelcontextprotocol/client";
import type { FetchLike } from "./limited-fetch.ts";

/** What the account of a server learns about it. */
export interface AttachedServer {
  readonly url: URL;
  readonly fetch: FetchLike;
  /** The user signed in or out: connections made before are somebody else's. */
  onAccountChange(): void;
}

/** An `auth` that people sign in with, and out. It belongs to one server. */
export interface AccountAuth extends AuthProvider {
  /**
   * Says which server it is for, before any request. The function that comes back takes it off.
   *
   * @throws OptimizerError 400 `bad_server_options` when it has another server already.
   */
  attach(server: AttachedServer): () => void;
  /** Another text for every sign-in, the same over refreshes of its token. */
  identity(): Promise<string>;
  /** A request was refused until these scopes are granted too; the next sign-in asks for them. */
  requireScope(scope: string): void;
}

/** The account behind an `auth`, when it is one. */
export function findAccount(auth: AuthProvider | OAuthClientProvider | undefined): AccountAuth | undefined {
  return auth !== undefined && isAccount(auth) ? auth : undefined;
}

function isAccount(auth: AuthProvider | OAuthClientProvider): auth is AccountAuth {
  return "attach" in auth && "identity" in auth && "requireScope" in auth;
}
