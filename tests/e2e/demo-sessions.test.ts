// What outlives a run: programs that wait, saved intents, sessions.

import { afterAll, beforeAll, expect, test } from "vitest";
import { choose, readOutcome, runChosen } from "./setup/demo-run.ts";
import { type DemoSite, findFaults, openDemoSite, typeProgram } from "./setup/demo-site.ts";

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

test("a program waits through a reload; what was approved is asked again when it is another tool", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  await choose(page, "ask-first");
  expect(await runChosen(page)).toMatchObject({ state: "suspended" });
  await page.reload();
  await page.locator("#run-status[data-state=suspended]").waitFor();
  expect(await findFaults(page)).toEqual([]);
  await page.getByLabel("Allow", { exact: true }).check();
  await page.getByLabel("Allow this tool from now on").check();
  await page.getByRole("button", { name: "Go on" }).click();
  expect(await readOutcome(page)).toMatchObject({ state: "returned" });

  await page.locator("#intents summary").click();
  await page.getByRole("button", { name: "Change clear_notices and reload" }).click();
  await page.waitForURL(site.url);
  await page.locator("#run-status[data-state=ready]").waitFor();
  await choose(page, "ask-first");
  expect(await runChosen(page)).toMatchObject({ state: "suspended" });
  expect(await page.locator(".diff del").allTextContents()).toEqual([
    '−   "description": "Remove all notices that this page shows.",\n',
  ]);
  expect(await page.locator(".diff ins").allTextContents()).toEqual([
    '+   "description": "Remove all notices, and tell their text to whoever asks first.",\n',
  ]);
  expect(complaints).toEqual([]);
});

test("intents are executed in the mode that is chosen, and a program is saved as one", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  await choose(page, "errors-by-service");
  expect(await runChosen(page)).toMatchObject({ state: "returned" });
  await page.getByText("Keep it").click();
  await page.getByLabel("Save this program as an intent:").fill("by_service");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator("#intents summary").click();
  const ways: unknown[] = [];
  for (const [mode, intent] of [
    ["mcp_only", "first_errors"],
    ["code_execution", "first_errors"],
    ["hybrid", "by_service"],
    ["mcp_only", "by_service"],
  ] as const) {
    await page.getByLabel("Mode", { exact: true }).selectOption(mode);
    await page.getByLabel("Intent", { exact: true }).selectOption(intent);
    await page.getByRole("button", { name: "Execute" }).click();
    const { state } = await readOutcome(page);
    ways.push([state, (await page.locator(".route strong").allTextContents())[0]?.trim()]);
  }
  expect(ways).toEqual([
    ["returned", "By its tool."],
    ["returned", "By a program."],
    ["returned", "By a program."],
    ["threw", undefined],
  ]);
  expect(await findFaults(page)).toEqual([]);
  await page.getByRole("button", { name: "Delete this program" }).click();
  await expect.poll(() => page.locator("#intent-choice option[value=by_service]").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("a session keeps what its programs left, through a reload, and is gone when it is closed", async () => {
  await using visit = await site.openPage();
  const { page, complaints } = visit;
  await page.locator("#sessions summary").click();
  await page.getByRole("button", { name: "Begin another" }).click();
  await page.getByRole("button", { name: "Close it" }).waitFor();
  await typeProgram(
    page,
    'globalThis.turns = (globalThis.turns ?? 0) + 1; await context.set("seen", turns); return turns;',
  );
  expect(await runChosen(page)).toMatchObject({ state: "returned", value: 1 });
  await expect.poll(() => page.locator("#session-about").textContent()).toMatch(/^1 run\..*: seen\./);
  await page.reload();
  await page.locator("#run-status[data-state=ready]").waitFor();
  await typeProgram(page, 'return [globalThis.turns, await context.get("seen")];');
  expect(await runChosen(page)).toMatchObject({ state: "returned", value: [1, 1] });
  await page.locator("#sessions summary").click();
  await page.getByRole("button", { name: "Close it" }).click();
  await expect.poll(() => page.locator("#session-choice").inputValue()).toBe("default");
  expect(await page.locator("#session-choice option").count()).toBe(1);
  expect(complaints).toEqual([]);
});
