import { afterAll, beforeAll, expect, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { findFreePort } from "../../demo/servers/loopback.ts";
import { choose, readOutcome, returned, runChosen } from "./setup/demo-run.ts";
import { type DemoSite, openDemoSite, typeProgram } from "./setup/demo-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

test("shows each server, the catalog, and what it costs the model before and after", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  await page.locator("[data-server=errors][data-state=ready]").waitFor();
  await page.locator("[data-server=everything][data-state=ready]").waitFor();
  const [before = 0, after = 0] = (await page.locator("#cost .tokens").allTextContents()).map((text) =>
    Number(text.replace(/\D/g, "")),
  );
  expect(before).toBeGreaterThan(1_000);
  expect(after).toBeLessThanOrEqual(187);
  await page.getByText("The one tool, as the model gets it").click();
  expect(JSON.parse((await page.locator("#tool-json pre").textContent()) ?? "")).toMatchObject({
    name: "run_code",
    input_schema: { required: ["code"] },
  });
  await page.getByText("The manifest", { exact: true }).click();
  expect(JSON.parse((await page.locator("#manifest-json pre").textContent()) ?? "")).toMatchObject({
    servers: { errors: 3, page: 4 },
  });

  await page.getByLabel("Search the catalog").fill("fix an error");
  const first = page.locator("#catalog-hits .hit").first();
  expect(await first.locator(".hit-ref").textContent()).toBe("errors.fix_error");
  await first.click();
  await page.getByRole("region", { name: "Signature of errors.fix_error" }).waitFor();
  expect(await page.locator(".signature pre").first().textContent()).toContain("function fix_error(args");
  expect(complaints).toEqual([]);
});

test("shows logs and progress while a program runs, and cancels it with its tool call", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  await choose(page, "slow-tool");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText(/^step \d+ of 12$/).waitFor();
  expect(await page.locator("#activity-list .event-log").allTextContents()).toEqual([
    "log: Starting something slow",
  ]);
  expect(await page.locator("#run-status").textContent()).toBe("Running…");
  await page.getByRole("button", { name: "Cancel" }).click();
  const outcome = await readOutcome(page);
  expect(outcome.status).toMatch(/^Stopped: cancelled, code 408, after/);
  expect(await page.locator("#activity-list .call.failed").count()).toBe(1);
  expect(complaints).toEqual([]);
});

test("keeps answering while a program loops without end", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await choose(page, "endless-loop");
  await page.getByLabel("Time limit").selectOption("60 s");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByLabel("Search the catalog").fill("echo");
  await page.locator(".hit-ref", { hasText: "everything.echo" }).waitFor();
  expect(await page.locator("#run-status").textContent()).toBe("Running…");
  await page.getByRole("button", { name: "Cancel" }).click();
  expect((await readOutcome(page)).status).toContain("cancelled");
});

test("runs what the visitor writes, keeps the edits, and undoes them on demand", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  await typeProgram(page, "return { answer: 6 * 7 as number };");
  expect(await runChosen(page)).toEqual(returned({ answer: 42 }));
  await typeProgram(page, "const a = ;");
  const broken = await runChosen(page);
  expect(broken.status).toMatch(/^Threw SyntaxError in line 1/);
  await choose(page, "escape");
  await choose(page, "errors-by-service");
  expect(await page.locator(".cm-content").textContent()).toBe("const a = ;");
  await page.getByRole("button", { name: "Undo my edits" }).click();
  expect(await page.locator(".cm-content").textContent()).toContain("10,000 rows");
});

test("shows what a program sends as text, never as HTML", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  const evil = '<img src=x onerror="document.title = 1"><b id=evil>';
  await typeProgram(
    page,
    `console.log(${JSON.stringify(evil)});
     await tools.page.notify({ message: ${JSON.stringify(evil)} });
     await tools.page.chart({ title: ${JSON.stringify(evil)}, bars: [{ label: ${JSON.stringify(evil)}, value: 1 }] });
     return ${JSON.stringify(evil)};`,
  );
  expect(await runChosen(page)).toEqual(returned(evil));
  expect(await page.locator("#evil, #result img, #activity-list img, #notices img").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("can be used by keyboard alone", async () => {
  await using visit = await site.openPage();
  const { page } = visit;
  const { keyboard } = page;
  const focused = () =>
    page.evaluate(() => {
      const inner = document.activeElement?.shadowRoot?.activeElement;
      return inner?.className.split(" ")[0] ?? document.activeElement?.id ?? "";
    });
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  expect(await focused()).toBe("program");
  await keyboard.press("Tab");
  expect(await focused()).toBe("language");
  await keyboard.press("Tab");
  expect(await focused()).toBe("program-choice");
  await keyboard.press("Tab");
  expect(await focused()).toBe("cm-content");
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("return 1");
  await keyboard.press("ControlOrMeta+Enter");
  expect(await readOutcome(page)).toEqual(returned(1));
  await keyboard.type("2");
  await keyboard.press("Escape");
  expect(await focused()).toBe("run");
  await keyboard.press("Enter");
  await page.getByRole("region", { name: "Returned value" }).getByText("12").waitFor();
  expect(await focused()).toBe("run");
  await keyboard.press("Tab");
  expect(await focused()).toBe("cancel");
  await keyboard.press("Tab");
  expect(await focused()).toBe("time-limit");
});

test("says why a server is down, and works with the others", async () => {
  const down = `http://127.0.0.1:${await findFreePort()}/mcp`;
  await using lame = {
    ...(await startPageServer({ folder: site.folder, port: 0, servers: { ...site.servers, down } })),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
  await using visit = await site.openPage(`${lame.url}?everything=${encodeURIComponent(down)}`);
  const { page, complaints } = visit;
  const row = page.locator("[data-server=everything][data-state=unavailable]");
  await row.waitFor();
  expect(await row.textContent()).toContain("To repair it: ");
  expect(await row.locator(".server-address").textContent()).toBe(down);
  expect(await page.locator("[data-server=errors]").getAttribute("data-state")).toBe("ready");
  await choose(page, "errors-by-service");
  expect((await runChosen(page)).state).toBe("returned");
  await choose(page, "images-as-bytes");
  expect((await runChosen(page)).failure).toContain("everything is unavailable");
  expect(complaints.filter((text) => !text.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
});

test("says why it can't start, and what to do about it", async () => {
  const page = await site.browser.newPage();
  await page.route("**/sandbox.html*", (route) => route.fulfill({ contentType: "text/html", body: "" }));
  await page.goto(site.url);
  await page.locator("#run-status[data-state=failed]").waitFor({ timeout: 60_000 });
  expect(await page.locator("#result .failure").textContent()).toMatch(
    /The sandbox could not be set up.*Hint: Check that/,
  );
  const run = page.getByRole("button", { name: "Run", exact: true });
  expect(await run.getAttribute("aria-disabled")).toBe("true");
  await page.close();
});
