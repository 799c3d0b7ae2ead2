import type { Page } from "playwright";
import { expect } from "vitest";
import { PROGRAM_GROUPS } from "../../../demo/programs.ts";

/** Chooses a ready program, in its language. */
export async function choose(page: Page, id: string): Promise<void> {
  const inPython = PROGRAM_GROUPS.python.some(({ programs }) =>
    programs.some((program) => program.id === id),
  );
  await page.getByLabel("Language", { exact: true }).selectOption(inPython ? "python" : "typescript");
  await page.getByLabel("Ready program").selectOption(id);
}

/** Waits until the run has ended and reads what the page shows about it. */
export async function readOutcome(page: Page) {
  await page.locator("#run-status:not([data-state=running]):not([data-state=ready])").waitFor();
  const text = async (selector: string): Promise<string | undefined> => {
    const [first] = await page.locator(selector).allTextContents();
    return first;
  };
  const json = await text("#result pre[aria-label='Returned value']");
  const value: unknown = json === undefined ? undefined : JSON.parse(json);
  return {
    state: await page.locator("#run-status").getAttribute("data-state"),
    status: (await text("#run-status")) ?? "",
    value,
    failure: (await text("#result .failure")) ?? "",
    calls: await page.locator("#activity-list .call .event-name").allTextContents(),
    logs: await page.locator("#activity-list .event-log").allTextContents(),
  };
}

export type Outcome = Awaited<ReturnType<typeof readOutcome>>;

/** Runs the program that stands in the editor, to its end. */
export async function runChosen(page: Page): Promise<Outcome> {
  await page.getByRole("button", { name: "Run", exact: true }).click();
  return readOutcome(page);
}

/** A run that returned this value, and nothing else. */
export const returned = (value: unknown) =>
  expect.objectContaining({ state: "returned", value, failure: "" });
