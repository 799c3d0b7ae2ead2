// The page, its tour, its devtools and its life without a network, in Firefox.

import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { openFirefox } from "../drivers/firefox.ts";
import { type DemoServers, openDemoServers } from "./setup/demo-site.ts";
import { untilKept } from "./setup/until-kept.ts";

const PATIENCE = { timeout: 90_000 };
const executable = process.env.MCP_OPTIMIZER_FIREFOX ?? "";

describe.skipIf(executable === "")("the demo page in Firefox (MCP_OPTIMIZER_FIREFOX names one)", () => {
  const running = new AsyncDisposableStack();
  let site: DemoServers;
  let browser: Browser;

  beforeAll(async () => {
    site = running.use(await openDemoServers());
    browser = await openFirefox(executable);
    running.defer(() => browser.close());
  });
  afterAll(() => running.disposeAsync());

  /** Opens the page, and notes what is thrown in it. */
  async function visit(url: string): Promise<{ readonly page: Page; readonly thrown: readonly string[] }> {
    const page = await browser.newPage();
    const thrown: string[] = [];
    page.on("pageerror", (error) => {
      // The sandbox tries whether its policy holds, and Firefox tells of each refusal.
      if (!/blocked a JavaScript eval.*'wasm-unsafe-eval'/.test(String(error))) thrown.push(String(error));
    });
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(url);
    await page.waitForSelector("#run-status[data-state=ready]", PATIENCE);
    await page.waitForSelector("[data-server=everything][data-state=ready]", PATIENCE);
    return { page, thrown };
  }

  const text = (page: Page, selector: string): Promise<string> =>
    page.$eval(selector, (node) => node.textContent ?? "");

  async function run(page: Page, language: string, program: string): Promise<unknown> {
    await page.select("#language", language);
    await page.select("#program-choice", program);
    await page.click("#run");
    await page.waitForSelector(
      "#run-status:is([data-state=returned], [data-state=threw], [data-state=stopped])",
      PATIENCE,
    );
    return JSON.parse(await text(page, "#result pre[aria-label='Returned value']"));
  }

  test("programs of each language return their values", async () => {
    const { page, thrown } = await visit(site.url);
    expect(await run(page, "typescript", "errors-by-service")).toEqual({
      search: 798,
      checkout: 774,
      payments: 720,
      notifications: 719,
      inventory: 624,
    });
    expect(await run(page, "typescript", "images-as-bytes")).toMatchObject({
      mimeType: "image/png",
      width: 20,
    });
    expect(await run(page, "python", "python-values")).toEqual({
      due: "2026-12-24",
      amount: "19.90",
      tags: ["large", "open"],
    });
    expect(thrown).toEqual([]);
    await page.close();
  });

  test("the tour leads from the cost to a decision", async () => {
    const { page, thrown } = await visit(site.url);
    await page.click("#tour-start");
    const counts: string[] = [];
    for (let step = 1; step <= 5; step += 1) {
      await page.waitForFunction(
        (at) => document.querySelector("#tour-count")?.textContent?.startsWith(`Step ${at} of 5`),
        PATIENCE,
        step,
      );
      await page.waitForSelector("#tour-next[aria-disabled=false]", PATIENCE);
      counts.push(await text(page, "#tour-text"));
      if (step < 5) await page.click("#tour-next");
    }
    expect(counts[2]).toContain("9");
    expect(counts[3]).toMatch(/^This program would never have ended.*timeout, code 408\./);
    expect(counts[4]).toContain("it wants page.clear_notices");
    expect(thrown).toEqual([]);
    await page.close();
  });

  test("the devtools show a run, its code and its session", async () => {
    const { page, thrown } = await visit(site.url);
    await page.click("#devtools-toggle");
    const inside = "mcp-optimizer-devtools >>> ";
    await page.waitForSelector(`${inside}[role=tab]`, PATIENCE);
    await run(page, "typescript", "errors-by-service");
    await page.locator(`${inside}::-p-aria(Run 1: returned)`).wait();
    for (const tab of ["Code", "Result", "Sessions", "Catalog"])
      await page.locator(`${inside}::-p-aria([name="${tab}"][role="tab"])`).click();
    await page.waitForSelector(`${inside}[role=option]`, PATIENCE);
    expect(thrown).toEqual([]);
    await page.close();
  });

  test("after a visit the page works without its server", async () => {
    const own = await startPageServer({ folder: site.folder, port: 0, servers: site.servers });
    const { page } = await visit(own.url);
    await page.evaluate(untilKept);
    await own.close();
    await page.reload();
    await page.waitForSelector("#run-status[data-state=ready]", PATIENCE);
    expect(await run(page, "typescript", "escape")).toEqual({ found: [], imported: "nothing" });
    await page.close();
  });
});
