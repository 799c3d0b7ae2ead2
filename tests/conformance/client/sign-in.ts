import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import { loadMcpSdk } from "../../../src/mcp/mirroring-client.ts";
import type { ScenarioPlace, ScenarioRun } from "./scenario-run.ts";

/** Never opened: what counts is where the authorization server wants to send the user. */
const CALLBACK = "http://127.0.0.1:8976/callback";
/** The document that the suite's authorization servers know. */
const CLIENT_DOCUMENT = "https://conformance-test.local/client-metadata.json";
/** A server that is never satisfied gets no third consent of the user. */
const MAX_CONSENTS = 2;

/**
 * A user who signs in to one server and agrees to everything, over the SDK's OAuth flow.
 *
 * It is what an embedder hands to the option `auth` of a server. Credentials are kept by the issuer that gave
 * them; what was discovered is kept from the redirect to its answer only, so that each sign-in looks anew.
 */
export class SignIn implements OAuthClientProvider {
  readonly redirectUrl = CALLBACK;
  readonly clientMetadataUrl = CLIENT_DOCUMENT;
  readonly clientMetadata: OAuthClientMetadata = {
    client_name: "MCP Optimizer",
    redirect_uris: [CALLBACK],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };

  readonly #serverUrl: string;
  readonly #place: ScenarioPlace;
  readonly #clients = new Map<string, StoredOAuthClientInformation>();
  readonly #tokens = new Map<string, StoredOAuthTokens>();
  #latest: StoredOAuthTokens | undefined;
  #discovery: OAuthDiscoveryState | undefined;
  #verifier = "";
  #state = "";
  #asked: URL | undefined;
  #consents = 0;

  constructor({ serverUrl, context }: ScenarioRun, place: ScenarioPlace) {
    this.#serverUrl = serverUrl;
    this.#place = place;
    const { issuer, client_id, client_secret } = context;
    if (issuer === undefined || client_id === undefined || client_secret === undefined) return;
    this.#clients.set(issuer, { client_id, client_secret, issuer });
  }

  /** True when the server wants the user to agree, and the user still does. */
  get wanted(): boolean {
    return this.#asked !== undefined && this.#consents < MAX_CONSENTS;
  }

  /** The user agrees; the answer of the authorization server becomes tokens. Rejects for an answer that is none. */
  async consent(): Promise<void> {
    const asked = this.#asked;
    if (asked === undefined) throw new Error("Nobody asked the user to sign in.");
    this.#asked = undefined;
    this.#consents += 1;
    const { searchParams } = new URL(await this.#place.followRedirect(asked.href));
    if (searchParams.get("state") !== this.#state) throw new Error("The answer is to another question.");
    const code = searchParams.get("code");
    if (code === null) throw new Error(`The sign-in failed: ${searchParams.get("error") ?? "no code"}`);
    const iss = searchParams.get("iss");
    const { auth } = await loadMcpSdk();
    try {
      await auth(this, {
        serverUrl: this.#serverUrl,
        authorizationCode: code,
        ...(iss === null ? {} : { iss }),
      });
    } finally {
      this.#discovery = undefined;
    }
  }

  state(): string {
    this.#state = crypto.randomUUID();
    return this.#state;
  }

  clientInformation(context?: { readonly issuer: string }): StoredOAuthClientInformation | undefined {
    return context === undefined ? undefined : this.#clients.get(context.issuer);
  }

  saveClientInformation(client: StoredOAuthClientInformation, context?: { readonly issuer: string }): void {
    if (context !== undefined) this.#clients.set(context.issuer, client);
  }

  /** Of one issuer; for the server itself the tokens that came last. */
  tokens(context?: { readonly issuer: string }): StoredOAuthTokens | undefined {
    return context === undefined ? this.#latest : this.#tokens.get(context.issuer);
  }

  saveTokens(tokens: StoredOAuthTokens, context?: { readonly issuer: string }): void {
    this.#latest = tokens;
    if (context !== undefined) this.#tokens.set(context.issuer, tokens);
  }

  redirectToAuthorization(url: URL): void {
    this.#asked = url;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state;
  }
}
