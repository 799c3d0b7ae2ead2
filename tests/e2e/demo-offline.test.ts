// After one visit the page works without its server, and keeps nothing but its own files.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { type DemoSite, openDemoSite, readValue, typeProgram } from "./setup/demo-site.ts";
import { untilKept } from "./setup/until-kept.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

/** All that is stored, without the origin. */
const keptFiles = (page: Page): Promise<readonly string[]> =>
  page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname + new URL(url).search);
  });

async function visit(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("#run-status[data-state=ready]").waitFor();
  return page;
}

test("a program that needs no server runs after a reload without network and server", async () => {
  const own = await startPageServer({ folder: site.folder, port: 0, servers: site.servers });
  const context = await site.browser.newContext({ reducedMotion: "reduce" });
  const page = await visit(context, own.url);
  await page.evaluate(untilKept);
  await own.close();
  await context.setOffline(true);
  await page.reload();
  await page.locator("#run-status[data-state=ready]").waitFor();
  await typeProgram(page, "return (await tools.page.now()).iso.length + 18;");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  expect(await readValue(page)).toBe(42);
  await page.locator("[data-server=errors][data-state=unavailable]").waitFor();
  await page.locator("#tour-start").click();
  await page.locator("#tour:not([hidden])").waitFor();
  await context.close();
});

test("only files of the build are kept: no answer of a server, no address with a query, no sign-in", async () => {
  const context = await site.browser.newContext({ reducedMotion: "reduce" });
  const page = await visit(context, `${site.url}?hidden=1`);
  await page.evaluate(untilKept);
  await page.evaluate(() => fetch("./signed-in.html?code=hidden"));
  await page.evaluate(() => fetch("./?code=hidden"));
  await page.evaluate(() => fetch("./assets/missing.js"));
  await page.locator("#run").click();
  await readValue(page);
  const kept = await keptFiles(page);
  expect(kept).toEqual(expect.arrayContaining(["/", "/favicon.svg"]));
  expect(kept.filter((file) => !/^\/(?:assets\/[\w.-]+|favicon\.svg)?$/.test(file))).toEqual([]);
  expect(kept.filter((file) => /hidden|missing|pyodide|python_stdlib|service-worker/.test(file))).toEqual([]);
  await context.close();
});

test("a new build is what the next visit shows, and the files of the old one go", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-next-"));
  await cp(site.folder, folder, { recursive: true });
  const server = await startPageServer({ folder, port: 0, servers: site.servers });
  const context = await site.browser.newContext({ reducedMotion: "reduce" });
  const page = await visit(context, server.url);
  await page.evaluate(untilKept);
  const before = await page.evaluate(() => caches.keys());

  const html = await readFile(path.join(folder, "index.html"), "utf8");
  await writeFile(path.join(folder, "index.html"), html.replace("<title>", "<title>Next: "));
  const worker = await readFile(path.join(folder, "service-worker.js"), "utf8");
  await writeFile(
    path.join(folder, "service-worker.js"),
    worker.replace(/"version":"[0-9a-f]+"/, '"version":"next"'),
  );
  await page.reload();
  expect(await page.title()).toMatch(/^Next: /);
  await page.locator("#run-status[data-state=ready]").waitFor();
  // The next worker waits until the pages of the last one are closed.
  const waits = () =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      await registration.update();
      return registration.waiting !== null;
    });
  await expect.poll(waits, { timeout: 60_000 }).toBe(true);
  expect(await page.evaluate(() => caches.keys())).toEqual(expect.arrayContaining([...before]));
  await page.close();
  const kept = async () => {
    const later = await visit(context, server.url);
    const names = await later.evaluate(() => caches.keys());
    await later.close();
    return names;
  };
  await expect.poll(kept, { timeout: 60_000 }).toEqual(["mcp-optimizer-demo-next"]);
  expect(before).not.toContain("mcp-optimizer-demo-next");
  await context.close();
  await server.close();
  await rm(folder, { recursive: true });
});
