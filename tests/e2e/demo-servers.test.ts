// A visitor adds servers by address, signs in, and removes them again, by keyboard.

import { createServer } from "node:http";
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { closeServer, findFreePort } from "../../demo/servers/loopback.ts";
import { startProtectedServer } from "../browser/setup/protected-server.ts";
import { type DemoSite, findFaults, openDemoSite, readValue, typeProgram } from "./setup/demo-site.ts";
import { consent, PATIENCE } from "./setup/sign-in-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

async function add(page: Page, address: string): Promise<void> {
  const input = page.getByLabel("Address of its MCP endpoint");
  if (!(await input.isVisible())) await page.getByText("Add a server", { exact: true }).click();
  await input.fill(address);
  await input.press("Enter");
}

test("a server that is added shows its tools, serves programs, stays through a reload, and is removed", async () => {
  const more = await startErrorsServer({ port: 0, records: 50 });
  const name = `local_${new URL(more.url).port}`;
  await using visit = await site.openPage();
  const { page } = visit;
  await add(page, more.url);
  await page.getByRole("status").getByText(`${name} is ready with 3 tools`).waitFor(PATIENCE);
  expect(await page.locator("#server-said code").allTextContents()).toContain(`${name}.list_errors`);
  expect(await findFaults(page)).toEqual([]);
  await typeProgram(page, `return (await tools.${name}.list_errors({ limit: 500 })).errors.length;`);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  expect(await readValue(page)).toBe(50);

  await add(page, more.url);
  await page.getByRole("status").getByText(`here already, as ${name}`).waitFor();
  await page.reload();
  const row = page.locator(`[data-server="${name}"]`);
  await row.getByText("ready, 3 tools").waitFor(PATIENCE);
  await page.locator("#run-status[data-state=ready]").waitFor(PATIENCE);
  await page.getByRole("button", { name: `Remove ${name}` }).press("Enter");
  await expect.poll(() => row.count(), PATIENCE).toBe(0);
  await page.locator("#run-status[data-state=ready]").waitFor(PATIENCE);
  // The panels are wired to the engine of now, once.
  await page.getByLabel("Search the catalog").fill("list errors");
  const hits = await page.locator("#catalog-hits .hit-ref").allTextContents();
  expect(hits.filter((ref) => ref.endsWith("list_errors"))).toEqual(["errors.list_errors"]);
  expect(visit.complaints).toEqual([]);
  await more.close();
});

test("what is wrong with an address, or with its server, is said", async () => {
  const silent = createServer((_request, response) => response.end("no MCP"));
  const port = await findFreePort();
  await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
  await using visit = await site.openPage();
  const { page } = visit;
  const said = page.locator("#server-said");
  for (const [address, why] of [
    ["http://example.com/mcp", "Only https: is reached"],
    ["what?", "This is no address"],
  ] as const) {
    await add(page, address);
    await said.getByText(why).waitFor();
  }
  await add(page, `http://127.0.0.1:${port}/mcp`);
  await said.getByText(`local_${port} is not available`).waitFor(PATIENCE);
  expect(await page.locator(`[data-server="local_${port}"] .cause`).textContent()).toContain("To repair it:");
  await closeServer(silent);
});

test("a program that runs keeps its servers", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await typeProgram(page, "while (true) {}");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await add(page, "https://127.0.0.1:1/mcp");
  await page.locator("#server-said").getByText("Not now").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  expect(await page.locator("[data-server]").count()).toBe(2);
});

test("a server that wants to know who is there is signed in to", async () => {
  const notes = await startProtectedServer();
  const name = `local_${new URL(notes.url).port}`;
  await using visit = await site.openPage();
  const { page } = visit;
  await add(page, notes.url);
  await page.locator("#server-said").getByText("wants you to sign in").waitFor(PATIENCE);
  const opened = page.waitForEvent("popup", PATIENCE);
  await page.getByRole("button", { name: `Sign in to ${name}` }).press("Enter");
  await consent(await opened);
  await page.locator("#server-said").getByText(`${name} is ready with 3 tools`).waitFor(PATIENCE);
  await notes.close();
});
