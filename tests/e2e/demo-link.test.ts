// A link shows a program and runs nothing, whatever somebody wrote into it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { makeProgramLink } from "../../demo/program-link.ts";
import { type DemoSite, openDemoSite, readValue, typeProgram } from "./setup/demo-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

test("a program is copied as a link by keyboard, and shown to who opens it, who runs it", async () => {
  await using writer = await site.openPage(site.url, { permissions: ["clipboard-read", "clipboard-write"] });
  await typeProgram(writer.page, "return 6 * 7;");
  await writer.page.getByRole("button", { name: "Copy link" }).press("Enter");
  await writer.page.getByRole("status").getByText("Link copied.").waitFor();
  const link = await writer.page.evaluate(() => navigator.clipboard.readText());
  expect(writer.complaints).toEqual([]);

  await using reader = await site.openPage(link);
  await reader.page.getByRole("status").getByText("It has not run.").waitFor();
  expect(await reader.page.locator(".cm-content").textContent()).toBe("return 6 * 7;");
  expect(await reader.page.locator("#program-choice").inputValue()).toBe("guest-typescript");
  expect(await reader.page.locator("#run-status").getAttribute("data-state")).toBe("ready");
  expect(await reader.page.locator("#activity-list li").count()).toBe(0);
  await reader.page.getByRole("button", { name: "Run", exact: true }).click();
  expect(await readValue(reader.page)).toBe(42);
  expect(reader.complaints).toEqual([]);
});

test("a link that arrives in the open page replaces the program; a refused clipboard leaves the address bar", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
  });
  await typeProgram(page, "return 1;");
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText("The link is in the address bar").waitFor();
  expect(page.url()).toMatch(/#program=typescript\./);
  const link = await makeProgramLink(site.url, { language: "typescript", code: "return 2;" });
  await page.evaluate((hash) => {
    location.hash = hash;
  }, new URL(link).hash);
  await expect.poll(() => page.locator(".cm-content").textContent()).toBe("return 2;");
});

test("a broken link says so and leaves the page as it is", async () => {
  await using visit = await site.openPage(
    `${site.url}#program=typescript.H4sIAAAA<img src=x onerror=alert(1)>`,
  );
  await visit.page.getByRole("status").getByText("can't be read").waitFor();
  expect(await visit.page.locator("#program-choice").inputValue()).toBe("errors-by-service");
  await visit.page.getByRole("button", { name: "Run", exact: true }).click();
  expect(await readValue(visit.page)).toEqual(expect.any(Object));
  expect(visit.complaints).toEqual([]);
});

test("a link with markup and a program that would run is text in the editor", async () => {
  const evil = `</script><img id=evil src=x onerror="document.title='evil'">\nwhile (true) {}`;
  const link = await makeProgramLink(site.url, { language: "typescript", code: evil });
  await using visit = await site.openPage(link);
  await visit.page.getByRole("status").getByText("It has not run.").waitFor();
  expect(await visit.page.locator("#evil").count()).toBe(0);
  expect(await visit.page.title()).not.toBe("evil");
  expect(await visit.page.locator("#activity-list li").count()).toBe(0);
  expect(visit.complaints).toEqual([]);
});
