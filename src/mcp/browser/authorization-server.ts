// What an MCP server and an authorization server say of themselves crosses here. Either may lie: about whose
// token is wanted, about who gives it, and about where it is sent.

import type { FetchLike } from "../limited-fetch.ts";
import { createLimitedFetch } from "../limited-fetch.ts";
import { isLoopback } from "../loopback.ts";
import type { McpSdk } from "../mirroring-client.ts";
import { refuseSignIn } from "./sign-in-errors.ts";
import type { AuthorizationServer, RegisteredClient } from "./sign-in-records.ts";

/** What was found out about where a user of an MCP server signs in. */
export interface Discovery {
  readonly server: AuthorizationServer;
  readonly resource: string;
  /** Scopes that the MCP server knows, separated by spaces. */
  readonly resourceScopes: string | undefined;
  readonly registrationEndpoint: string | undefined;
  /** A client may be named by the address of its metadata. */
  readonly takesClientMetadataUrl: boolean;
  /** It gives refresh tokens for the scope `offline_access`. */
  readonly offlineAccess: boolean;
}

const MAX_METADATA_BYTES = 256 * 1024;
const REQUEST_TIMEOUT_MS = 15_000;

/** A `fetch` for what belongs to a sign-in: https only, small answers, in time, without cookies. */
export function createAuthFetch(fetch: FetchLike, mcpUrl: URL): FetchLike {
  const limited = createLimitedFetch(fetch, MAX_METADATA_BYTES).fetch;
  return async (url, init) => {
    requireSecure(new URL(url), mcpUrl);
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    return limited(url, {
      ...init,
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: timeout,
    });
  };
}

/**
 * Asks the MCP server who its authorization server is, and that one for its endpoints.
 *
 * @throws OptimizerError 403 for what can't be trusted; what the SDK throws for what breaks the protocol.
 */
export async function discoverAuthorization(
  sdk: McpSdk,
  fetch: FetchLike,
  mcpUrl: URL,
  wanted: { readonly resourceMetadataUrl: URL | undefined; readonly issuer: string | undefined },
): Promise<Discovery> {
  const named = await readResourceMetadata(sdk, fetch, mcpUrl, wanted.resourceMetadataUrl);
  const issuers = named?.authorization_servers ?? [];
  const issuer = chooseIssuer(issuers.length === 0 ? [mcpUrl.origin] : issuers, wanted.issuer, mcpUrl);
  const metadata = await sdk.discoverAuthorizationServerMetadata(issuer, { fetchFn: fetch });
  if (metadata === undefined) {
    throw refuseSignIn(
      "no_authorization_server",
      `${issuer} publishes no metadata of an authorization server that this page may read.`,
      "It has to serve /.well-known/oauth-authorization-server or /.well-known/openid-configuration, with CORS.",
    );
  }
  if (metadata.code_challenge_methods_supported?.includes("S256") !== true) {
    throw refuseSignIn(
      "authorization_server_invalid",
      `The authorization server ${issuer} does not say that it checks PKCE (S256).`,
      "Without it a stolen code is as good as a token: the server needs an update.",
    );
  }
  const { registration_endpoint: registration } = metadata;
  // OpenID Connect's metadata may hold what the SDK's type of it does not know.
  const told: unknown = "revocation_endpoint" in metadata ? metadata.revocation_endpoint : undefined;
  const revocation = typeof told === "string" && URL.canParse(told) ? told : undefined;
  for (const endpoint of [
    metadata.issuer,
    metadata.authorization_endpoint,
    metadata.token_endpoint,
    registration,
    revocation,
  ])
    if (endpoint !== undefined) requireSecure(new URL(endpoint), mcpUrl);
  return {
    server: {
      issuer: metadata.issuer,
      authorizationEndpoint: metadata.authorization_endpoint,
      tokenEndpoint: metadata.token_endpoint,
      revocationEndpoint: revocation,
      sendsIssuer: metadata.authorization_response_iss_parameter_supported === true,
      authMethods: metadata.token_endpoint_auth_methods_supported ?? [],
    },
    resource: named?.resource ?? sdk.resourceUrlFromServerUrl(mcpUrl).href,
    resourceScopes: named?.scopes_supported?.join(" "),
    registrationEndpoint: registration,
    takesClientMetadataUrl: metadata.client_id_metadata_document_supported === true,
    offlineAccess: metadata.scopes_supported?.includes("offline_access") === true,
  };
}

/** The metadata in the SDK's words. */
export function toMetadata(server: AuthorizationServer, registrationEndpoint?: string) {
  return {
    issuer: server.issuer,
    authorization_endpoint: server.authorizationEndpoint,
    token_endpoint: server.tokenEndpoint,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: [...server.authMethods],
    authorization_response_iss_parameter_supported: server.sendsIssuer,
    ...(registrationEndpoint === undefined ? {} : { registration_endpoint: registrationEndpoint }),
  };
}

/** The client in the SDK's words. */
export function toClientInformation({ id, secret }: RegisteredClient) {
  return { client_id: id, ...(secret === undefined ? {} : { client_secret: secret }) };
}

/**
 * The MCP server's own metadata (RFC 9728); `undefined` when it has none, as servers of 2025-03-26: such a server
 * can only name its own origin.
 */
async function readResourceMetadata(sdk: McpSdk, fetch: FetchLike, mcpUrl: URL, at: URL | undefined) {
  const opts = at === undefined ? {} : { resourceMetadataUrl: at };
  let metadata: Awaited<ReturnType<McpSdk["discoverOAuthProtectedResourceMetadata"]>>;
  try {
    metadata = await sdk.discoverOAuthProtectedResourceMetadata(mcpUrl, opts, fetch);
  } catch (error) {
    // The SDK's words for "404 everywhere". Any other failure is no reason to ask somebody else.
    const absent = error instanceof Error && error.message.startsWith("Resource server does not implement");
    if (absent && at === undefined) return undefined;
    throw error;
  }
  if (!sdk.checkResourceAllowed({ requestedResource: mcpUrl, configuredResource: metadata.resource })) {
    throw refuseSignIn(
      "wrong_resource",
      `${mcpUrl.href} asks for a token that is meant for ${JSON.stringify(metadata.resource.slice(0, 200))}.`,
      "Whoever runs this server could use the token there. Do not sign in; tell the server's operator.",
    );
  }
  return metadata;
}

function chooseIssuer(named: readonly string[], pinned: string | undefined, mcpUrl: URL): string {
  const issuer =
    pinned === undefined ? named[0] : named.find((one) => one === pinned || one === `${pinned}/`);
  if (issuer === undefined || !URL.canParse(issuer)) {
    throw refuseSignIn(
      "issuer_mismatch",
      `${mcpUrl.href} names another authorization server than ${pinned ?? "one with an address"}.`,
      "Check `issuer`. If it is right, the MCP server must not be trusted with a sign-in.",
    );
  }
  return issuer;
}

/** A server on this machine may name others on it; one elsewhere may not, nor anybody without TLS. */
function requireSecure(url: URL, mcpUrl: URL): void {
  if (url.protocol === "https:" && url.username === "" && url.password === "") return;
  if (url.protocol === "http:" && isLoopback(url.hostname) && isLoopback(mcpUrl.hostname)) return;
  throw refuseSignIn(
    "insecure_authorization_server",
    `Signing in to ${mcpUrl.href} leads to ${url.protocol}//${url.host}, which is not https:.`,
    "Only a server on this machine may use http:, and only for others on this machine.",
  );
}
