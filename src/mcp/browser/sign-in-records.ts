import { isJsonObject, type Json } from "../../base/json.ts";

/** What is kept of an authorization server: what its metadata said when the sign-in began. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string | undefined;
  /** It says that its answers carry `iss` (RFC 9207): one without it is refused. */
  readonly sendsIssuer: boolean;
  /** How clients may authenticate at its token endpoint. */
  readonly authMethods: readonly string[];
}

/** As whom the page is known to an authorization server. Public clients have no secret. */
export interface RegisteredClient {
  readonly id: string;
  readonly secret: string | undefined;
  readonly redirectUrl: string;
}

/** What a token is for, and who gave it. */
export interface Audience {
  readonly server: AuthorizationServer;
  readonly client: RegisteredClient;
  /** The resource indicator (RFC 8707) of authorization and token requests. */
  readonly resource: string;
  /** Scopes, separated by spaces. */
  readonly scope: string | undefined;
}

/** A sign-in that waits for the user. */
export interface PendingSignIn extends Audience {
  readonly mcpUrl: string;
  readonly mode: "popup" | "redirect";
  readonly startedAt: number;
  readonly codeVerifier: string;
  /** Where a redirect ends: the page that began it. */
  readonly returnTo: string;
  /** The query that came back to the redirect page. */
  readonly response: string | undefined;
}

/** A sign-in that was completed. */
export interface Grant extends Audience {
  /** Another for every sign-in. */
  readonly account: string;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number | undefined;
}

/** A record as JSON; members that are `undefined` are left out. */
export function toJson(record: PendingSignIn | Grant | RegisteredClient): Json {
  const json: Json = JSON.parse(JSON.stringify(record));
  return json;
}

/** Reads a pending sign-in. `undefined` for what another version wrote otherwise. */
export function parsePending(value: Json): PendingSignIn | undefined {
  return attempt(() => {
    const mode = text(value, "mode");
    if (mode !== "popup" && mode !== "redirect") throw new TypeError("mode");
    return {
      ...audience(value),
      mcpUrl: text(value, "mcpUrl"),
      mode,
      startedAt: number(value, "startedAt"),
      codeVerifier: text(value, "codeVerifier"),
      returnTo: text(value, "returnTo"),
      response: optional(value, "response", text),
    };
  });
}

/** Reads a grant. `undefined` for what another version wrote otherwise. */
export function parseGrant(value: Json): Grant | undefined {
  return attempt(() => ({
    ...audience(value),
    account: text(value, "account"),
    accessToken: text(value, "accessToken"),
    refreshToken: optional(value, "refreshToken", text),
    issuedAt: number(value, "issuedAt"),
    expiresAt: optional(value, "expiresAt", number),
  }));
}

/** Reads a registered client. `undefined` for what another version wrote otherwise. */
export function parseClient(value: Json): RegisteredClient | undefined {
  return attempt(() => client(value));
}

function audience(value: Json): Audience {
  const server = member(value, "server");
  const authMethods = member(server, "authMethods");
  if (!Array.isArray(authMethods)) throw new TypeError("authMethods");
  return {
    server: {
      issuer: text(server, "issuer"),
      authorizationEndpoint: text(server, "authorizationEndpoint"),
      tokenEndpoint: text(server, "tokenEndpoint"),
      revocationEndpoint: optional(server, "revocationEndpoint", text),
      sendsIssuer: member(server, "sendsIssuer") === true,
      authMethods: authMethods.map(String),
    },
    client: client(member(value, "client")),
    resource: text(value, "resource"),
    scope: optional(value, "scope", text),
  };
}

function client(value: Json | undefined): RegisteredClient {
  return {
    id: text(value, "id"),
    secret: optional(value, "secret", text),
    redirectUrl: text(value, "redirectUrl"),
  };
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function member(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function text(value: Json | undefined, key: string): string {
  const found = member(value, key);
  if (typeof found !== "string") throw new TypeError(key);
  return found;
}

function number(value: Json | undefined, key: string): number {
  const found = member(value, key);
  if (typeof found !== "number") throw new TypeError(key);
  return found;
}

function optional<T>(
  value: Json | undefined,
  key: string,
  read: (value: Json | undefined, key: string) => T,
): T | undefined {
  return member(value, key) === undefined ? undefined : read(value, key);
}
