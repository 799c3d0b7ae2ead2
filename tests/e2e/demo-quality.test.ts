// What a first visit costs, and whether everybody can use each mode of the page.

import { gzipSync } from "node:zlib";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DemoSite, findFaults, openDemoSite } from "./setup/demo-site.ts";
import { openScriptedModel } from "./setup/scripted-model.ts";

/**
 * What a first visit may load until programs can run, compressed as most hosts do it. Measured: 2.01 MB in 53 files, half of
 * it the tokenizer's vocabulary.
 */
const FIRST_LOAD_BYTES = 2_150_000;
/** No promise, but a bound that only a fault breaks on a busy machine. */
const FIRST_PAINT_MS = 15_000;
/** What Core Web Vitals call good. */
const LAYOUT_SHIFT = 0.1;

const WIDTHS = [1280, 390] as const;
const viewport = (width: number) => ({ width, height: width < 900 ? 844 : 800 });

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

/** Sums layout shifts that no input caused, from the start of the page. */
const watchShifts = (page: Page) =>
  page.addInitScript(() => {
    Object.assign(globalThis, { shifted: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (Reflect.get(entry, "hadRecentInput") === true) continue;
        const sum = Number(Reflect.get(globalThis, "shifted")) + Number(Reflect.get(entry, "value"));
        Object.assign(globalThis, { shifted: sum });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
const shiftsOf = (page: Page) => page.evaluate(() => Number(Reflect.get(globalThis, "shifted")));

test.for(WIDTHS)("a first visit at %i pixels is light, paints soon, and stands still", async (width) => {
  // What the worker fetches ahead comes after the first visit has begun; it is no part of it.
  const context = await site.browser.newContext({ viewport: viewport(width), serviceWorkers: "block" });
  const page = await context.newPage();
  await watchShifts(page);
  const loaded: Promise<{ readonly name: string; readonly bytes: number }>[] = [];
  page.on("response", (response) => {
    if (!response.url().startsWith(site.url)) return;
    const name = new URL(response.url()).pathname;
    loaded.push(response.body().then((body) => ({ name, bytes: gzipSync(body).length })));
  });
  await page.goto(site.url);
  await page.locator("#run-status[data-state=ready]").waitFor({ timeout: 60_000 });
  await page.locator("[data-server=everything][data-state=ready]").waitFor({ timeout: 60_000 });
  await page.locator("#cost .tokens").first().waitFor();
  const files = await Promise.all(loaded);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const paintMs = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
  );
  const shift = await shiftsOf(page);
  console.log(
    `[demo] ${width} px: ${bytes} bytes in ${files.length} files, painted after ${Math.round(paintMs)} ms, shifted by ${shift.toFixed(3)}`,
  );
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES);
  expect(
    files.filter(({ name }) => /pyodide|python|-model|chat-panel|tour|service-worker/.test(name)),
  ).toEqual([]);
  expect(paintMs).toBeLessThan(FIRST_PAINT_MS);
  expect(shift).toBeLessThanOrEqual(LAYOUT_SHIFT);
  await context.close();
});

test("a shift of the page is noticed", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await watchShifts(page);
  await page.reload();
  await page.locator("#run-status[data-state=ready]").waitFor();
  const before = await shiftsOf(page);
  await page.evaluate(() => {
    const block = document.createElement("div");
    Object.assign(block.style, { height: "400px" });
    document.body.prepend(block);
  });
  await expect.poll(() => shiftsOf(page)).toBeGreaterThan(before + LAYOUT_SHIFT);
});

const views = WIDTHS.flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
);

describe.each(views)("at $width pixels, $colorScheme", ({ width, colorScheme }) => {
  test("axe finds nothing in any mode, and nothing runs off the side", async () => {
    await using model = await openScriptedModel([
      () => ({ say: "Let me look. ", run: { code: "return (await tools.page.now()).timeZone" } }),
      () => ({ say: `Done. ${"word".repeat(80)}` }),
      () => ({ say: "", run: { code: "return await tools.page.clear_notices({})" } }),
    ]);
    await using visit = await site.openPage(`${site.url}#program=typescript.H4sI`, {
      viewport: viewport(width),
      colorScheme,
    });
    const { page } = visit;
    await page.locator("#run-status[data-state=ready]").waitFor({ timeout: 60_000 });
    await page.locator("#link-said[data-state=failed]").waitFor();
    // Without a host there is one place to run.
    expect(await page.locator("#place").isVisible()).toBe(false);
    const found: Record<string, readonly string[]> = { "a broken link": await findFaults(page) };

    await page.getByText("Add a server", { exact: true }).click();
    await page.getByLabel("Address of its MCP endpoint").fill("http://example.com/mcp");
    await page.getByRole("button", { name: "Connect" }).click();
    await page.locator("#server-said[data-state=failed]").waitFor();
    found["an address refused"] = await findFaults(page);

    await page.getByRole("button", { name: "Take the tour" }).click();
    await page.locator("#tour:not([hidden])").waitFor();
    await page.locator("#tour-next").click();
    await page.locator("#tour-next[aria-disabled=false]").waitFor({ timeout: 60_000 });
    found["the tour"] = await findFaults(page);
    await page.locator("#tour-skip").click();

    await page.getByRole("button", { name: "Chat with a model" }).click();
    await page.getByLabel("Base URL").waitFor();
    found["an empty chat"] = await findFaults(page);
    await page.getByLabel("Base URL").fill(model.url);
    await page.getByLabel("Message").fill("What time is it?");
    await page.getByLabel("Message").press("Enter");
    await page.getByText("Done.").waitFor({ timeout: 60_000 });
    await page.locator(".chat-run summary").click();
    await page.locator(".chat-form button[type=submit]:not([aria-disabled=true])").waitFor();
    await page.getByLabel("Message").fill("Clear them");
    await page.getByLabel("Message").press("Enter");
    await page.getByRole("button", { name: "Go on" }).waitFor({ timeout: 60_000 });
    found["a chat that asks"] = await findFaults(page);

    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((mode) => [mode, []])));
    expect(Object.keys(found)).toHaveLength(5);
  });
});
