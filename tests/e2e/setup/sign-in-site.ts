import { type BrowserContext, chromium, type Page } from "playwright";
import { expect } from "vitest";
import { type LyingAuthorization, startLyingAuthorization } from "../../browser/setup/lying-authorization.ts";
import { type ProtectedServer, startProtectedServer } from "../../browser/setup/protected-server.ts";
import type { SignInPage } from "../../browser/setup/sign-in-page.ts";
import { startStrictPages } from "../../browser/setup/strict-pages.ts";
import { chromiumOptions } from "../../setup/chromium.ts";

declare const signIn: SignInPage;

/** How long a loaded machine may take for a moment. */
export const PATIENCE = { timeout: 20_000 };

/** A page whose users sign in, the server that they sign in to, and one that lies. */
export interface SignInSite extends AsyncDisposable {
  readonly server: ProtectedServer;
  readonly liar: LyingAuthorization;
  /** Address of the pages. */
  readonly pages: string;
  /** A browser that knows nobody, in place of the last one. */
  newProfile(): Promise<void>;
  openPage(where?: { readonly server?: string; readonly options?: object }): Promise<Page>;
  /** Clicks, and waits for the window. */
  openPopup(page: Page): Promise<Page>;
  /** Signs in as a user would. Resolves with how it ended. */
  signInByPopup(page: Page): Promise<string>;
  /** The value of a program, or its error. */
  run(page: Page, code: string): Promise<unknown>;
}

export async function startSignInSite(): Promise<SignInSite> {
  const running = new AsyncDisposableStack();
  const liar = await startLyingAuthorization();
  running.defer(() => liar.close());
  const listening = await startStrictPages(() => [server.url, server.issuer, liar.url]);
  running.defer(() => listening.close());
  const pages = listening.url;
  const server = await startProtectedServer(`${pages}/signed-in`);
  running.defer(() => server.close());
  const browser = await chromium.launch(chromiumOptions());
  running.defer(() => browser.close());
  let profile: BrowserContext = await browser.newContext();
  const openPopup = async (page: Page) => {
    const opened = page.waitForEvent("popup", PATIENCE);
    await page.click("#popup");
    return opened;
  };
  return {
    server,
    liar,
    pages,
    async newProfile() {
      await profile.close();
      profile = await browser.newContext();
    },
    async openPage({ server: address = server.url, options = {} } = {}) {
      const page = await profile.newPage();
      const query = new URLSearchParams({ server: address, options: JSON.stringify(options) });
      await page.goto(`${pages}/sign-in?${query}`);
      await page.waitForFunction(() => "signIn" in globalThis);
      return page;
    },
    openPopup,
    async signInByPopup(page) {
      await consent(await openPopup(page));
      return page.evaluate(() => signIn.end);
    },
    async run(page, code) {
      const state = () => page.evaluate(() => signIn.optimizer.servers[0]?.status.state);
      await expect.poll(state, PATIENCE).not.toBe("connecting");
      return page.evaluate(async (text) => {
        const result = await signIn.run(text);
        if (result.status === "returned") return result.value;
        return "error" in result ? { code: result.error.code, kind: result.error.kind } : result.status;
      }, code);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What a user does at the authorization server. A session there needs no second sign-in, only consent. */
export async function consent(window: Page): Promise<void> {
  const login = window.locator("input[name=login]");
  const go = window.getByRole("button", { name: "Continue" });
  await login.or(go).first().waitFor(PATIENCE);
  if (await login.isVisible()) {
    await login.fill("ada");
    await window.locator("input[name=password]").fill("secret");
    await window.getByRole("button", { name: "Sign-in" }).click();
  }
  await go.click(PATIENCE);
}
