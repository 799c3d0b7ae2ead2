import type { AuthProvider } from "@modelcontextprotocol/client";
import { OptimizerError } from "../../base/errors.ts";
import { createListeners } from "../../context/listeners.ts";
import { loadMcpSdk } from "../mirroring-client.ts";
import type { AccountAuth, AttachedServer } from "../server-auth.ts";
import { type OAuthOptions, type ResolvedOAuthOptions, resolveOAuthOptions } from "./oauth-options.ts";
import { openPopup, popupClosed } from "./popup.ts";
import { openSignInChannel } from "./sign-in-channel.ts";
import { oauthCode, refuseSignIn, toSignInError } from "./sign-in-errors.ts";
import {
  type BegunSignIn,
  beginSignIn,
  type Challenge,
  type FlowDeps,
  finishSignIn,
  PENDING,
  PENDING_MS,
  refreshGrant,
  revokeGrant,
} from "./sign-in-flow.ts";
import { type Grant, parseGrant, parsePending, toJson } from "./sign-in-records.ts";
import { SignInStore } from "./sign-in-store.ts";

/** Whether somebody is signed in to the server. */
export interface AccountStatus {
  readonly state: "signed_out" | "signing_in" | "signed_in";
  /** What was granted, separated by spaces. */
  readonly scope: string | undefined;
  /** What a call was refused for; the next sign-in asks for it. */
  readonly missingScope: string | undefined;
  /** Why the last sign-in failed. */
  readonly error: OptimizerError | undefined;
}

/** How the user is led to the authorization server. */
export interface SignInOptions {
  /** `popup` (default) keeps this page; `redirect` leaves it, and comes back to its address. */
  readonly mode?: "popup" | "redirect";
  /** Gives up on the popup. */
  readonly signal?: AbortSignal;
}

/** The user's account at one MCP server: the `auth` of its options. Tokens leave it to that server only. */
export interface Account extends AuthProvider {
  readonly status: AccountStatus;
  /**
   * Leads the user to the authorization server. A popup's resolves when the user is signed in, and the server then
   * connects by itself; a redirect's when the page is being left. To be called in the handler of a click.
   *
   * @throws OptimizerError 403 for what is refused (`popup_blocked`, `sign_in_refused`, `issuer_mismatch`,
   * `wrong_resource`, …), 408 `cancelled`, 500 for what may go better later.
   */
  signIn(options?: SignInOptions): Promise<void>;
  /** Forgets the tokens in all tabs, and asks the authorization server to do the same. `revoked` says whether it did. */
  signOut(): Promise<{ readonly revoked: boolean }>;
  /** Called when the status changed, in another tab as well. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

/**
 * Signs users in to an MCP server by OAuth 2.1, as its `auth`: one account for each server.
 *
 * Tokens are kept encrypted, in the browser's database, for all tabs of the origin. One tab at a time renews them.
 *
 * @throws OptimizerError 400 `bad_sign_in_options`.
 */
export function oauth(options: OAuthOptions): Account {
  return new OAuthAccount(resolveOAuthOptions(options, location));
}

/** A token is renewed so long before its end, or a tenth of its life if that is less. */
const EARLY_MS = 30_000;
/** A server that refuses a newer token than this does not mean its age. */
const YOUNG_MS = 5_000;
/** How long another tab may take to renew a token. */
const LOCK_MS = 30_000;

class OAuthAccount implements Account, AccountAuth {
  readonly #options: ResolvedOAuthOptions;
  readonly #store = new SignInStore();
  readonly #servers = new Set<AttachedServer>();
  readonly #listeners = createListeners<void>();
  /** What to do when the answer to a pending sign-in came, by its slot. */
  readonly #waiting = new Map<string, () => void>();
  #channel: ReturnType<typeof openSignInChannel> | undefined;
  #url: URL | undefined;
  #ready: Promise<void> = Promise.resolve();
  #held: Grant | undefined;
  #refreshing: Promise<Grant | undefined> | undefined;
  #challenge: Challenge = { resourceMetadataUrl: undefined, scope: undefined };
  #missingScope: string | undefined;
  #signingIn = 0;
  #loaded = false;
  #error: OptimizerError | undefined;

  constructor(options: ResolvedOAuthOptions) {
    this.#options = options;
  }

  get status(): AccountStatus {
    const held = this.#held;
    return {
      state: this.#signingIn > 0 ? "signing_in" : held === undefined ? "signed_out" : "signed_in",
      scope: held?.scope,
      missingScope: this.#missingScope,
      error: this.#error,
    };
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  attach(server: AttachedServer): () => void {
    if (this.#url !== undefined && this.#url.href !== server.url.href) {
      throw new OptimizerError(`An account of ${this.#url.href} can't be used for ${server.url.href}.`, {
        code: 400,
        kind: "bad_server_options",
        hint: "Give each server an oauth() of its own: a token is for one server.",
      });
    }
    this.#url = server.url;
    this.#servers.add(server);
    if (this.#channel === undefined) {
      this.#channel = openSignInChannel((message) => {
        if (message.type === "answered") this.#waiting.get(message.slot)?.();
        else if (message.mcpUrl === this.#url?.href) this.#ready = this.#ready.then(() => this.#reload());
      });
      this.#ready = this.#resume();
    }
    return () => {
      this.#servers.delete(server);
      if (this.#servers.size > 0) return;
      this.#channel?.close();
      this.#channel = undefined;
    };
  }

  async identity(): Promise<string> {
    await this.#ready;
    return this.#held?.account ?? "";
  }

  requireScope(scope: string): void {
    this.#missingScope = scope;
    this.#challenge = { ...this.#challenge, scope };
    this.#listeners.tell();
  }

  async token(): Promise<string | undefined> {
    await this.#ready;
    const held = this.#held;
    if (held?.expiresAt === undefined || held.refreshToken === undefined) return held?.accessToken;
    const early = Math.min(EARLY_MS, (held.expiresAt - held.issuedAt) / 10);
    if (Date.now() < held.expiresAt - early) return held.accessToken;
    return (await this.#refresh(held))?.accessToken;
  }

  async onUnauthorized({ response }: { readonly response: Response }): Promise<void> {
    await this.#ready;
    const { extractWWWAuthenticateParams } = await loadMcpSdk();
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response);
    this.#challenge = { resourceMetadataUrl, scope: scope ?? this.#challenge.scope };
    const held = this.#held;
    // Either another request has just renewed it, or renewing does not help: the transport tries once more.
    if (held !== undefined && Date.now() - held.issuedAt < YOUNG_MS) return;
    if (held !== undefined && (await this.#refresh(held)) !== undefined) return;
    throw refuseSignIn(
      "sign_in_required",
      `${this.#server().url.href} wants to know who you are.`,
      "The user has to sign in: the page calls signIn() of this server's `auth` when the user asks for it.",
    );
  }

  async signIn({ mode = "popup", signal }: SignInOptions = {}): Promise<void> {
    const { url } = this.#server();
    // Before any wait: only the click itself may open a window.
    const popup = mode === "popup" ? openPopup() : undefined;
    this.#signingIn += 1;
    this.#error = undefined;
    this.#listeners.tell();
    let begun: BegunSignIn | undefined;
    try {
      await this.#ready;
      const deps = await this.#deps();
      begun = await beginSignIn(deps, this.#challenge, this.#held?.scope, mode);
      if (popup === undefined) return location.assign(begun.url);
      await this.#awaitAnswer(popup, begun, signal);
      await this.#finish(begun.slot);
    } catch (thrown) {
      const error = toSignInError(thrown, url);
      this.#error = error;
      // An authorization server that has forgotten the page would show its error to the user each time.
      if (begun !== undefined) await this.#store.replace(begun.clientSlot, "any", undefined).catch(() => {});
      throw error;
    } finally {
      popup?.close();
      this.#signingIn -= 1;
      this.#listeners.tell();
    }
  }

  async signOut(): Promise<{ readonly revoked: boolean }> {
    const { url, fetch } = this.#server();
    await this.#ready;
    const slot = await this.#store.read(accountSlot(url));
    await this.#store.replace(accountSlot(url), "any", undefined);
    this.#missingScope = undefined;
    this.#adopt(undefined);
    const grant = slot === undefined ? undefined : parseGrant(slot.value);
    return { revoked: grant !== undefined && (await revokeGrant({ fetch, mcpUrl: url }, grant)) };
  }

  #server(): AttachedServer {
    const [server] = this.#servers;
    if (server !== undefined) return server;
    throw new OptimizerError("This account belongs to no server.", {
      code: 400,
      kind: "no_server",
      hint: "Give it as `auth` of a server, and create the optimizer before you call it.",
    });
  }

  async #deps(): Promise<FlowDeps> {
    const { url, fetch } = this.#server();
    return { sdk: await loadMcpSdk(), fetch, mcpUrl: url, store: this.#store, options: this.#options };
  }

  /** Reads who is signed in, and finishes what a redirect brought back. */
  async #resume(): Promise<void> {
    try {
      for (const { name, version, value } of await this.#store.list(PENDING)) {
        const pending = parsePending(value);
        if (pending === undefined || Date.now() - pending.startedAt > PENDING_MS)
          await this.#store.replace(name, version, undefined);
        else if (
          pending.mode === "redirect" &&
          pending.mcpUrl === this.#url?.href &&
          pending.response !== undefined
        )
          await this.#finish(name);
      }
    } catch (error) {
      this.#error = toSignInError(error, this.#server().url);
    }
    await this.#reload();
    this.#loaded = true;
  }

  /** Another tab may have signed in or out, or renewed the token. */
  async #reload(): Promise<void> {
    try {
      const { url } = this.#server();
      const slot = await this.#store.read(accountSlot(url));
      this.#adopt(slot === undefined ? undefined : parseGrant(slot.value), false);
    } catch (error) {
      this.#held = undefined;
      if (error instanceof OptimizerError) this.#error = error;
      this.#listeners.tell();
    }
  }

  /** Resolves when the answer came; else the sign-in is over, and no answer is taken any more. */
  async #awaitAnswer(
    popup: Window,
    { url, slot }: BegunSignIn,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const end = new AbortController();
    const stop = AbortSignal.any([end.signal, AbortSignal.timeout(PENDING_MS), ...(signal ? [signal] : [])]);
    const answered = new Promise<void>((resolve) => this.#waiting.set(slot, resolve));
    try {
      popup.location.replace(url);
      await Promise.race([answered, popupClosed(popup, stop)]);
    } finally {
      this.#waiting.delete(slot);
      end.abort();
    }
    const found = await this.#store.read(slot);
    const pending = found === undefined ? undefined : parsePending(found.value);
    if (pending?.response !== undefined) return;
    await this.#store.replace(slot, "any", undefined);
    throw new OptimizerError("The user has not signed in.", {
      code: 408,
      kind: "cancelled",
      hint: "Offer to sign in again.",
    });
  }

  /** Takes the pending sign-in, which nobody can take a second time, and keeps what it leads to. */
  async #finish(slot: string): Promise<void> {
    const found = await this.#store.read(slot);
    const pending = found === undefined ? undefined : parsePending(found.value);
    const { url } = this.#server();
    if (found === undefined || pending?.mcpUrl !== url.href) return;
    if (!(await this.#store.replace(slot, found.version, undefined))) return;
    const grant = await finishSignIn(await this.#deps(), pending);
    await this.#store.replace(accountSlot(url), "any", toJson(grant));
    this.#challenge = { ...this.#challenge, scope: undefined };
    this.#missingScope = undefined;
    this.#adopt(grant);
  }

  #refresh(stale: Grant): Promise<Grant | undefined> {
    this.#refreshing ??= this.#refreshOnce(stale).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Renews the token in one tab at a time: a refresh token is good for one use. `undefined` when it is good for none. */
  async #refreshOnce(stale: Grant): Promise<Grant | undefined> {
    const { url } = this.#server();
    const name = accountSlot(url);
    try {
      return await navigator.locks.request(
        `mcp-optimizer-sign-in ${url.href}`,
        { signal: AbortSignal.timeout(LOCK_MS) },
        async () => {
          const slot = await this.#store.read(name);
          const current = slot === undefined ? undefined : parseGrant(slot.value);
          if (slot === undefined || current === undefined) return this.#adopt(undefined);
          if (current.accessToken !== stale.accessToken) return this.#adopt(current, false);
          const fresh = await this.#renew(current);
          const kept = await this.#store.replace(
            name,
            slot.version,
            fresh === undefined ? undefined : toJson(fresh),
          );
          if (kept) return this.#adopt(fresh);
          // The user signed out, or in anew, while it was renewed.
          if (fresh !== undefined) await revokeGrant({ fetch: this.#server().fetch, mcpUrl: url }, fresh);
          await this.#reload();
          return this.#held;
        },
      );
    } catch (error) {
      throw toSignInError(error, url);
    }
  }

  async #renew(grant: Grant): Promise<Grant | undefined> {
    if (grant.refreshToken === undefined) return undefined;
    try {
      return await refreshGrant(await this.#deps(), grant, grant.refreshToken);
    } catch (error) {
      const code = oauthCode(error);
      if (code === "invalid_grant" || code === "invalid_client" || code === "unauthorized_client")
        return undefined;
      throw error;
    }
  }

  /** Goes on with a grant, or without; tells the other tabs when the change is this tab's. */
  #adopt(grant: Grant | undefined, own = true): Grant | undefined {
    const before = this.#held?.account;
    this.#held = grant;
    if (grant !== undefined) this.#error = undefined;
    const { url } = this.#server();
    if (own) this.#channel?.tell({ type: "changed", mcpUrl: url.href });
    this.#listeners.tell();
    // A server that has just been attached waits for the first token by itself.
    if (this.#loaded && before !== grant?.account)
      for (const server of [...this.#servers]) server.onAccountChange();
    return grant;
  }
}

function accountSlot(mcpUrl: URL): string {
  return `account ${mcpUrl.href}`;
}
