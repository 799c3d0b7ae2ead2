// The page and its devtools are for everyone: axe finds nothing, and nothing runs off the side.

import { afterAll, beforeAll, expect, test } from "vitest";
import { choose, runChosen } from "./setup/demo-run.ts";
import { type DemoSite, findFaults, findWide, openDemoSite, typeProgram } from "./setup/demo-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

/** A chart, a notice, logs of every level, a failed call and a value that is too large, in one run. */
const SHOWS_EVERYTHING = `
  for (const level of ["debug", "log", "info", "warn", "error"]) console[level](level, "x".repeat(80));
  await tools.page.notify({ message: "Look" });
  await tools.page.chart({ title: "Chart", bars: [{ label: "a".repeat(60), value: 3 }, { label: "b", value: 1 }] });
  await tools.page.chart({ title: "Wrong" }).catch((error) => console.error(error.message));
  return Array.from({ length: 2_000 }, (_, index) => ({ index, text: "y".repeat(90) }));
`;

const widths = { desktop: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } } as const;
// Each device and each scheme once: what differs between them here is colours and widths.
const views = [
  { device: "desktop", colorScheme: "light" },
  { device: "phone", colorScheme: "dark" },
] as const;

test.for(views)(
  "$device, $colorScheme: axe finds nothing, and nothing runs off the side",
  async ({ device, colorScheme }) => {
    await using visit = await site.openPage(site.url, { viewport: widths[device], colorScheme });
    const { page } = visit;
    await page.locator("[data-server=everything][data-state=ready]").waitFor();
    if (device === "phone") await page.locator("#catalog > summary").click();
    await page.locator("#cost summary").first().click();
    await page.locator("#catalog-hits .hit").nth(3).click();
    await page.locator("#catalog-hits .code").first().waitFor();
    const findings = { "before a run": await findFaults(page), returned: {}, threw: {}, stopped: {} };
    await typeProgram(page, SHOWS_EVERYTHING);
    expect((await runChosen(page)).status).toContain("cut to fit");
    findings.returned = await findFaults(page);
    await choose(page, "mistake");
    await runChosen(page);
    findings.threw = await findFaults(page);
    await choose(page, "endless-loop");
    await runChosen(page);
    findings.stopped = { wide: await findWide(page) };
    expect(findings).toEqual({
      "before a run": [],
      returned: [],
      threw: [],
      stopped: { wide: [] },
    });
  },
);

test.for(views)(
  "$device, $colorScheme: axe finds nothing in the devtools",
  async ({ device, colorScheme }) => {
    await using visit = await site.openPage(site.url, { viewport: widths[device], colorScheme });
    const { page, complaints } = visit;
    await page.getByRole("button", { name: "Devtools" }).click();
    const devtools = page.locator("mcp-optimizer-devtools");
    await devtools.getByRole("tab", { name: "Runs" }).waitFor();
    const findings = {
      empty: await findFaults(page),
      timeline: {},
      code: {},
      again: {},
      charts: {},
      sessions: {},
      catalog: {},
    };
    await typeProgram(page, SHOWS_EVERYTHING);
    await runChosen(page);
    await devtools.getByRole("heading", { name: "Run 1: returned" }).waitFor();
    findings.timeline = await findFaults(page);
    const saving = page.waitForEvent("download");
    await devtools.getByRole("button", { name: "Save as test" }).click();
    expect((await saving).suggestedFilename()).toBe("run-1.test.ts");
    await choose(page, "mistake");
    await runChosen(page);
    await devtools.getByRole("option", { name: "#2" }).click();
    await devtools.getByRole("heading", { name: "Run 2: threw" }).waitFor();
    await devtools.getByRole("tab", { name: "Code" }).click();
    findings.code = await findFaults(page);
    await devtools.getByRole("tab", { name: "Run again" }).click();
    findings.again = await findFaults(page);
    await devtools.getByRole("tab", { name: "Charts" }).click();
    await devtools.locator("figure canvas").nth(2).waitFor();
    findings.charts = await findFaults(page);
    await devtools.getByRole("tab", { name: "Sessions" }).click();
    await devtools.getByRole("option", { name: "default" }).click();
    await devtools.getByRole("heading", { name: "Session default" }).waitFor();
    findings.sessions = await findFaults(page);
    await devtools.getByRole("tab", { name: "Catalog" }).click();
    await devtools.getByRole("option").nth(2).click();
    await devtools.getByRole("group", { name: "Signature" }).waitFor();
    findings.catalog = await findFaults(page);
    expect(findings).toEqual({
      empty: [],
      timeline: [],
      code: [],
      again: [],
      charts: [],
      sessions: [],
      catalog: [],
    });
    // The page's strict policy forbids nothing that the devtools do.
    expect(complaints).toEqual([]);
  },
);

test("the checks above find a fault that is there", async () => {
  await using visit = await site.openPage(site.url, { viewport: widths.phone });
  const { page } = visit;
  await page.locator("#run-status").evaluate((node) => {
    if (!(node instanceof HTMLElement)) throw new Error("No HTML element");
    node.style.color = "#ccc";
    node.style.background = "#fff";
    node.style.minWidth = "500px";
  });
  expect(await findFaults(page)).toEqual([
    expect.stringMatching(/^color-contrast: /),
    "too wide: html",
    "too wide: section#program",
  ]);
});
