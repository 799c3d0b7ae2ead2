// The answer of an authorization server crosses here: a query that the browser brought, and a token endpoint's
// body. A query may come from anybody who makes the user follow a link.

import { encodeBase64 } from "../../base/base64.ts";
import { sha256 } from "../../base/sha256.ts";
import type { FetchLike } from "../limited-fetch.ts";
import type { McpSdk } from "../mirroring-client.ts";
import {
  createAuthFetch,
  type Discovery,
  discoverAuthorization,
  toClientInformation,
  toMetadata,
} from "./authorization-server.ts";
import type { ResolvedOAuthOptions } from "./oauth-options.ts";
import { refuseSignIn, wordOf } from "./sign-in-errors.ts";
import {
  type Grant,
  type PendingSignIn,
  parseClient,
  type RegisteredClient,
  toJson,
} from "./sign-in-records.ts";
import type { SignInStore } from "./sign-in-store.ts";

/** What a flow works with. */
export interface FlowDeps {
  readonly sdk: McpSdk;
  readonly fetch: FetchLike;
  readonly mcpUrl: URL;
  readonly store: SignInStore;
  readonly options: ResolvedOAuthOptions;
}

/** A sign-in that has begun. */
export interface BegunSignIn {
  /** Where the user goes. */
  readonly url: URL;
  /** Where its pending record lies. */
  readonly slot: string;
  /** Where the client lies that the page registered for it. */
  readonly clientSlot: string;
}

/** What the server's last refusal asked for. */
export interface Challenge {
  readonly resourceMetadataUrl: URL | undefined;
  readonly scope: string | undefined;
}

/** How long a user may take. */
export const PENDING_MS = 10 * 60_000;
export const PENDING = "pending ";

/** The name of the record of a pending sign-in. `state` itself is nowhere but in the addresses that carry it. */
export async function pendingSlot(state: string): Promise<string> {
  return PENDING + (await sha256(new TextEncoder().encode(state)));
}

/** Finds the authorization server, makes the page known to it, and keeps what the answer will be held against. */
export async function beginSignIn(
  deps: FlowDeps,
  challenge: Challenge,
  granted: string | undefined,
  mode: PendingSignIn["mode"],
): Promise<BegunSignIn> {
  const { sdk, mcpUrl, options } = deps;
  const fetch = createAuthFetch(deps.fetch, mcpUrl);
  const { resourceMetadataUrl } = challenge;
  const found = await discoverAuthorization(sdk, fetch, mcpUrl, {
    resourceMetadataUrl,
    issuer: options.issuer,
  });
  const asked = sdk.computeScopeUnion(options.scope, granted, challenge.scope) ?? found.resourceScopes;
  const refreshable = found.offlineAccess && asked !== undefined;
  const scope = refreshable ? sdk.computeScopeUnion(asked, "offline_access") : asked;
  // Scopes are registered with the client: more of them need another registration.
  const clientSlot = `client ${found.server.issuer} ${options.redirectUrl} ${scope ?? ""}`;
  const client = await findClient(deps, fetch, found, scope, clientSlot);
  const state = encodeBase64(crypto.getRandomValues(new Uint8Array(32))).replace(/[^A-Za-z0-9]/g, "_");
  const { authorizationUrl, codeVerifier } = await sdk.startAuthorization(found.server.issuer, {
    metadata: toMetadata(found.server),
    clientInformation: toClientInformation(client),
    redirectUrl: options.redirectUrl,
    state,
    resource: found.resource,
    ...(scope === undefined ? {} : { scope }),
  });
  const slot = await pendingSlot(state);
  const pending: PendingSignIn = {
    server: found.server,
    client,
    resource: found.resource,
    scope,
    mcpUrl: mcpUrl.href,
    mode,
    startedAt: Date.now(),
    codeVerifier,
    returnTo: location.href,
    response: undefined,
  };
  await deps.store.replace(slot, undefined, toJson(pending));
  return { url: authorizationUrl, slot, clientSlot };
}

/** Holds the answer against the record of the sign-in, and takes the code to the token endpoint. */
export async function finishSignIn(deps: FlowDeps, pending: PendingSignIn): Promise<Grant> {
  const { sdk, mcpUrl } = deps;
  const { server, client, response = "" } = pending;
  const answer = new URLSearchParams(response);
  const iss = answer.get("iss") ?? undefined;
  // First of all: what else an answer says counts only if it comes from the right server.
  sdk.validateAuthorizationResponseIssuer({
    iss,
    expectedIssuer: server.issuer,
    issParameterSupported: server.sendsIssuer,
  });
  const refused = answer.get("error");
  if (refused !== null) {
    throw refuseSignIn(
      "sign_in_refused",
      `Signing in at ${server.issuer} ended with: ${wordOf(refused)}.`,
      "The user, or the authorization server, said no. Begin again when that has changed.",
    );
  }
  const tokens = await sdk.exchangeAuthorization(server.issuer, {
    metadata: toMetadata(server),
    clientInformation: toClientInformation(client),
    authorizationCode: answer.get("code") ?? "",
    codeVerifier: pending.codeVerifier,
    redirectUri: client.redirectUrl,
    resource: pending.resource,
    fetchFn: createAuthFetch(deps.fetch, mcpUrl),
    ...(iss === undefined ? {} : { iss }),
  });
  return toGrant(tokens, pending, crypto.randomUUID(), undefined);
}

/** Takes the refresh token to the token endpoint. */
export async function refreshGrant(deps: FlowDeps, grant: Grant, refreshToken: string): Promise<Grant> {
  const { server, client, resource } = grant;
  const tokens = await deps.sdk.refreshAuthorization(server.issuer, {
    metadata: toMetadata(server),
    clientInformation: toClientInformation(client),
    refreshToken,
    resource,
    fetchFn: createAuthFetch(deps.fetch, deps.mcpUrl),
  });
  return toGrant(tokens, grant, grant.account, refreshToken);
}

/** Asks the authorization server to forget the tokens (RFC 7009). True when it says that it has. */
export async function revokeGrant(deps: Pick<FlowDeps, "fetch" | "mcpUrl">, grant: Grant): Promise<boolean> {
  const { revocationEndpoint } = grant.server;
  if (revocationEndpoint === undefined) return false;
  const fetch = createAuthFetch(deps.fetch, deps.mcpUrl);
  const { id, secret } = grant.client;
  const tokens = [
    ["refresh_token", grant.refreshToken],
    ["access_token", grant.accessToken],
  ] as const;
  try {
    for (const [hint, token] of tokens) {
      if (token === undefined) continue;
      const body = new URLSearchParams({ token, token_type_hint: hint, client_id: id });
      if (secret !== undefined) body.set("client_secret", secret);
      const response = await fetch(revocationEndpoint, { method: "POST", body, redirect: "error" });
      if (!response.ok) return false;
    }
    return true;
  } catch {
    return false;
  }
}

type Tokens = Awaited<ReturnType<McpSdk["exchangeAuthorization"]>>;

/** Checks what the token endpoint says: the token goes into a header, and its life into a clock. */
function toGrant(
  tokens: Tokens,
  from: PendingSignIn | Grant,
  account: string,
  refreshToken: string | undefined,
): Grant {
  const { access_token: accessToken, expires_in: seconds } = tokens;
  const usable = /^[A-Za-z0-9\-._~+/]+=*$/.test(accessToken) && tokens.token_type.toLowerCase() === "bearer";
  if (!usable) {
    throw refuseSignIn(
      "authorization_server_invalid",
      `The authorization server ${from.server.issuer} gave something that is no bearer token.`,
      "Report it to its operator.",
    );
  }
  const issuedAt = Date.now();
  const lasts = seconds !== undefined && Number.isFinite(seconds) && seconds >= 0;
  const { server, client, resource } = from;
  return {
    server,
    client,
    resource,
    scope: tokens.scope ?? from.scope,
    account,
    accessToken,
    refreshToken: tokens.refresh_token ?? refreshToken,
    issuedAt,
    expiresAt: lasts ? issuedAt + seconds * 1_000 : undefined,
  };
}

/** The client that the embedder registered, else the address of its metadata, else one that registers itself once. */
async function findClient(
  { sdk, store, options }: FlowDeps,
  fetch: FetchLike,
  found: Discovery,
  scope: string | undefined,
  name: string,
): Promise<RegisteredClient> {
  const { redirectUrl, clientId, clientMetadataUrl } = options;
  if (clientId !== undefined) return { id: clientId, secret: undefined, redirectUrl };
  if (clientMetadataUrl !== undefined && found.takesClientMetadataUrl)
    return { id: clientMetadataUrl, secret: undefined, redirectUrl };
  const slot = await store.read(name);
  const known = slot === undefined ? undefined : parseClient(slot.value);
  if (known !== undefined) return known;
  const registered = await sdk.registerClient(found.server.issuer, {
    metadata: toMetadata(found.server, found.registrationEndpoint),
    clientMetadata: {
      client_name: options.clientName,
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      application_type: new URL(redirectUrl).protocol === "https:" ? "web" : "native",
    },
    ...(scope === undefined ? {} : { scope }),
    fetchFn: fetch,
  });
  const client = { id: registered.client_id, secret: registered.client_secret, redirectUrl };
  await store.replace(name, "any", toJson(client));
  return client;
}
