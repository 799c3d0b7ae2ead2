import { OptimizerError } from "../../base/errors.ts";

/** How a page signs its users in to one MCP server. */
export interface OAuthOptions {
  /**
   * The page to which the authorization server sends the user back; it calls `completeSignIn()`. Of the same
   * origin as this page, to which it may be relative.
   */
  readonly redirectUrl: string;
  /** The client as which the page was registered, with `issuer`. A public client: a page keeps no secret. */
  readonly clientId?: string;
  /** The only authorization server that is taken, exactly as it calls itself. Default: the one that the MCP server names. */
  readonly issuer?: string;
  /** Address (https) of a client-id metadata document, for authorization servers that take one. */
  readonly clientMetadataUrl?: string;
  /** What users read when they are asked for consent, where the page registers itself. Default: the page's host. */
  readonly clientName?: string;
  /** Scopes to ask for, separated by spaces. Default: those that the MCP server names. */
  readonly scope?: string;
}

/** `OAuthOptions`, checked and complete. */
export interface ResolvedOAuthOptions {
  readonly redirectUrl: string;
  readonly clientId: string | undefined;
  readonly issuer: string | undefined;
  readonly clientMetadataUrl: string | undefined;
  readonly clientName: string;
  readonly scope: string | undefined;
}

/** Checks them. Throws OptimizerError 400 `bad_sign_in_options`. */
export function resolveOAuthOptions(options: OAuthOptions, page: Location): ResolvedOAuthOptions {
  const { redirectUrl, clientId, issuer, clientMetadataUrl, clientName, scope } = options;
  const redirect = URL.parse(redirectUrl, page.href);
  if (redirect?.origin !== page.origin || redirect.hash !== "" || redirect.search !== "")
    throw bad(
      "`redirectUrl` is no address of this page's origin",
      "It shares the page's storage: serve it from the same origin, without query and fragment.",
    );
  if (clientId !== undefined && issuer === undefined)
    throw bad(
      "`clientId` has no `issuer`",
      "Name the authorization server at which the client is registered: no other must get its users.",
    );
  if (clientMetadataUrl !== undefined) {
    const url = URL.parse(clientMetadataUrl);
    if (url?.protocol !== "https:" || url.pathname === "/")
      throw bad(
        "`clientMetadataUrl` is no https: address with a path",
        "Serve the document where the authorization server can read it.",
      );
  }
  return {
    redirectUrl: redirect.href,
    clientId,
    issuer,
    clientMetadataUrl,
    clientName: clientName ?? page.host,
    scope,
  };
}

function bad(problem: string, hint: string): OptimizerError {
  return new OptimizerError(`Users can't be signed in: ${problem}.`, {
    code: 400,
    kind: "bad_sign_in_options",
    hint,
  });
}
