// Users of a page sign in to an MCP server: a real authorization server, real windows, real storage.

import type { Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { REGISTERED_CLIENT } from "../browser/setup/protected-server.ts";
import type { SignInPage } from "../browser/setup/sign-in-page.ts";
import { consent, PATIENCE, type SignInSite, startSignInSite } from "./setup/sign-in-site.ts";

let site: SignInSite;

beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site[Symbol.asyncDispose]());
beforeEach(() => site.newProfile());
afterEach(() => {
  site.server.accessTokenSeconds = 3_600;
});

declare const signIn: SignInPage;

const whoami = (page: Page) => site.run(page, "return await tools.notes.whoami({})");
const SIGNED_OUT = { code: 403, kind: "sign_in_required" };

test("a user signs in in a popup, the server connects, and a reload keeps the user signed in", async () => {
  const page = await site.openPage();
  expect(await whoami(page)).toMatchObject(SIGNED_OUT);
  expect(await site.signInByPopup(page)).toBe("signed_in");
  expect(await whoami(page)).toBe("a user");
  await page.reload();
  await page.waitForFunction(() => "signIn" in globalThis);
  expect(await whoami(page)).toBe("a user");
});

test("a user signs in by redirect, and comes back to the page that was left", async () => {
  const page = await site.openPage();
  const { href } = new URL(page.url());
  await page.click("#redirect");
  await consent(page);
  await page.waitForURL(href, PATIENCE);
  await page.waitForFunction(() => "signIn" in globalThis);
  expect(await whoami(page)).toBe("a user");
  expect(await page.evaluate(() => signIn.account.status)).toMatchObject({ state: "signed_in" });
});

test("a page that was registered beforehand registers nothing", async () => {
  const page = await site.openPage({
    options: { clientId: REGISTERED_CLIENT, issuer: site.server.issuer },
  });
  const registrations: string[] = [];
  page.on("request", (request) => void (request.url().endsWith("/reg") && registrations.push(request.url())));
  expect(await site.signInByPopup(page)).toBe("signed_in");
  expect(await whoami(page)).toBe("a user");
  expect(registrations).toEqual([]);
});

test("two tabs renew the token once, and a tab that was signed out is signed in with the other", async () => {
  const [page, other] = [await site.openPage(), await site.openPage()];
  site.server.accessTokenSeconds = 4;
  const before = site.server.granted.length;
  expect(await site.signInByPopup(page)).toBe("signed_in");
  await expect.poll(() => other.evaluate(() => signIn.account.status.state), PATIENCE).toBe("signed_in");
  site.server.accessTokenSeconds = 3_600;
  await page.waitForTimeout(4_500);
  expect(await Promise.all([whoami(page), whoami(other), whoami(page)])).toEqual([
    "a user",
    "a user",
    "a user",
  ]);
  expect(site.server.granted.slice(before)).toEqual(["authorization_code", "refresh_token"]);
});

test("a token that the server refuses is renewed, and the call goes through", async () => {
  const page = await site.openPage();
  expect(await site.signInByPopup(page)).toBe("signed_in");
  expect(await whoami(page)).toBe("a user");
  await page.waitForTimeout(5_500);
  await site.server.revokeAccessTokens();
  expect(await whoami(page)).toBe("a user");
  expect(site.server.granted.at(-1)).toBe("refresh_token");
});

test("a call that needs more rights says so, and works after the user has granted them", async () => {
  const page = await site.openPage();
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const read = () => site.run(page, "return await tools.notes.private({})");
  expect(await read()).toMatchObject({ code: 403, kind: "insufficient_scope" });
  expect(await page.evaluate(() => signIn.account.status)).toMatchObject({ missingScope: "private" });
  expect(await site.signInByPopup(page)).toBe("signed_in");
  expect(await read()).toBe("private");
  expect(await whoami(page)).toBe("a user");
});

test("signing out ends it in every tab, in the storage and at the authorization server", async () => {
  const page = await site.openPage();
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const other = await site.openPage();
  expect(await whoami(other)).toBe("a user");
  const refreshToken = site.server.tokens.at(-1) ?? "";
  expect(await site.server.takes(refreshToken)).toBe(true);

  expect(await page.evaluate(() => signIn.signOut())).toEqual({ revoked: true });
  expect(await whoami(page)).toMatchObject(SIGNED_OUT);
  await expect.poll(() => whoami(other), PATIENCE).toMatchObject(SIGNED_OUT);
  expect(await site.server.takes(refreshToken)).toBe(false);
  await page.reload();
  await page.waitForFunction(() => "signIn" in globalThis);
  expect(await whoami(page)).toMatchObject(SIGNED_OUT);
});

test("a popup that the user closes ends the sign-in, and the next one works", async () => {
  const page = await site.openPage();
  const popup = await site.openPopup(page);
  await popup.close();
  expect(await page.evaluate(() => signIn.end)).toBe("cancelled");
  expect(await site.signInByPopup(page)).toBe("signed_in");
});
