// A visitor of the demo signs in to a server that wants it, with the keyboard.

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright";
import { afterAll, expect, inject, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { startProtectedServer } from "../browser/setup/protected-server.ts";
import { chromiumOptions } from "../setup/chromium.ts";
import { consent, PATIENCE } from "./setup/sign-in-site.ts";

const running = new AsyncDisposableStack();
afterAll(() => running.disposeAsync());

test("a server that asks who is there has a button to sign in, and one to sign out", async () => {
  const notes = await startProtectedServer();
  running.defer(() => notes.close());
  const errors = await startErrorsServer({ port: 0 });
  running.defer(() => errors.close());
  const servers = { errors: notes.url, everything: errors.url };
  const site = await startPageServer({ folder: inject("demoFolder"), port: 0, servers });
  running.defer(() => site.close());
  const browser = running.use(await chromium.launch(chromiumOptions()));
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(site.url);
  await page.locator("#run-status[data-state=ready]").waitFor();

  const button = page.getByRole("button", { name: "Sign in to errors" });
  await button.waitFor(PATIENCE);
  const { violations } = await new AxeBuilder({ page }).include("#servers").analyze();
  expect(violations).toEqual([]);
  const opened = page.waitForEvent("popup", PATIENCE);
  await button.press("Enter");
  await consent(await opened);
  const row = page.locator('[data-server="errors"]');
  await row.getByText("ready, 3 tools").waitFor(PATIENCE);

  await page.getByRole("button", { name: "Sign out of errors" }).press("Enter");
  await button.waitFor(PATIENCE);
  expect(await row.getAttribute("data-state")).toBe("unavailable");
});
