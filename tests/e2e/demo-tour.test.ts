// The tour shows real runs: what it tells is what the page shows about them.

import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { findFreePort } from "../../demo/servers/loopback.ts";
import { type DemoSite, findFaults, openDemoSite } from "./setup/demo-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

const told = async (page: Page): Promise<string> => {
  await page.locator("#tour-next[aria-disabled=false]").waitFor({ timeout: 60_000 });
  return (await page.locator("#tour-text").textContent()) ?? "";
};
async function begin(page: Page): Promise<void> {
  await page.locator("#tour-start[aria-disabled=false]").press("Enter");
  await page.locator("#tour:not([hidden])").waitFor();
}
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);
/** The figures of a text, as they are written. */
const figures = (text: string): readonly string[] => text.match(/[\d,.]*\d(?: [kM]?B| m?s)?/g) ?? [];

test("walks by keyboard from the cost to a decision, with the figures of its own runs", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await begin(page);
  expect(await focused(page)).toBe("tour-title");
  const costs = (await page.locator("#cost .tokens").allTextContents()).map((text) => text.split(" ")[0]);
  expect(figures(await told(page))).toEqual(costs);
  expect(await page.locator(".toured").getAttribute("id")).toBe("cost");

  const next = page.locator("#tour-next");
  await next.press("Enter");
  const one = figures(await told(page));
  const flow = await page.locator(".flow strong").allTextContents();
  expect(one).toEqual(["1", ...flow.flatMap(figures)]);
  expect(await focused(page)).toBe("tour-next");
  expect(await page.locator("#program-choice").inputValue()).toBe("errors-by-service");

  await next.press("Enter");
  const [calls, , whole] = figures(await told(page));
  expect(calls).toBe("9");
  expect(await page.locator(".metrics dd").first().textContent()).toBe(whole);

  await next.press("Enter");
  expect(await told(page)).toMatch(/^This program would never have ended.*timeout, code 408\./);
  const [stopped] = figures(await told(page));
  expect(await page.locator("#run-status").textContent()).toBe(
    `Stopped: timeout, code 408, after ${stopped}`,
  );

  await next.press("Enter");
  expect(await told(page)).toContain("it wants page.clear_notices");
  expect(await next.textContent()).toBe("Finish");
  expect(await findFaults(page)).toEqual([]);
  await page.getByLabel("Allow", { exact: true }).check();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator("#tour-text").getByText("It went on with what you said").waitFor();
  expect(figures(await told(page))).toEqual(["3"]);
  await next.press("Enter");
  expect(await page.locator("#tour").isHidden()).toBe(true);
  expect(await focused(page)).toBe("tour-start");
  expect(visit.complaints).toEqual([]);
});

test("goes back, and ends at any time by Escape, with the run that it began", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await begin(page);
  const back = page.locator("#tour-back");
  expect(await back.getAttribute("aria-disabled")).toBe("true");
  await page.locator("#tour-next").click();
  await told(page);
  await back.click();
  await page.locator("#tour-count").getByText("Step 1 of 5").waitFor();
  for (const step of [2, 3]) {
    await page.locator("#tour-next").click();
    await page.locator("#tour-count").getByText(`Step ${step} of 5`).waitFor();
    await told(page);
  }
  await page.locator("#tour-next").click();
  await page.locator("#run-status[data-state=running]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#run-status").getByText("cancelled").waitFor();
  expect(await page.locator("#tour").isHidden()).toBe(true);
  expect(await page.locator(".toured").count()).toBe(0);
  expect(await focused(page)).toBe("tour-start");
});

test("a server that is down is said, and the tour goes on", async () => {
  const errors = `http://127.0.0.1:${await findFreePort()}/mcp`;
  const lame = await startPageServer({ folder: site.folder, port: 0, servers: { ...site.servers, errors } });
  await using visit = await site.openPage(lame.url);
  const { page } = visit;
  await begin(page);
  await page.locator("#tour-next").click();
  expect(await told(page)).toContain(
    "This time it went another way (threw). The server errors is unavailable",
  );
  await page.locator("#tour-next").click();
  await page.locator("#tour-count").getByText("Step 3 of 5").waitFor();
  await told(page);
  await lame.close();
});
