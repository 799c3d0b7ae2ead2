// Where memory can be shared, the keeper interrupts Python through it; elsewhere Python asks the clock.
// Only a page of its own can be cross-origin isolated, so this one is opened by Playwright.

import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StrictPageReport } from "../browser/setup/strict-page.ts";
import { startStrictPages } from "../browser/setup/strict-pages.ts";
import { chromiumOptions } from "../setup/chromium.ts";

const running = new AsyncDisposableStack();
let browser: Browser;
let pages: string;

beforeAll(async () => {
  const site = await startStrictPages([]);
  running.defer(() => site.close());
  pages = site.url;
  browser = running.use(await chromium.launch(chromiumOptions()));
});
afterAll(() => running.disposeAsync());

async function runIn(path: string, code: string): Promise<StrictPageReport["python"]> {
  const page = await browser.newPage();
  const frame: Record<string, string> = path === "/strict" ? { frame: "/sandbox.html" } : {};
  await page.goto(`${pages}${path}?${new URLSearchParams({ ...frame, python: code })}`);
  const report = await page.waitForFunction((): StrictPageReport => Reflect.get(globalThis, "report"));
  const { python, error } = await report.jsonValue();
  await page.close();
  if (python === undefined) throw new Error(JSON.stringify(error));
  return python;
}

const CLEANS_UP = "try:\n    while True: pass\nfinally:\n    print('cleaned up')";
const GOES_ON = "while True:\n    try:\n        while True: pass\n    except BaseException: print('caught')";

/** The promise is 700 ms; a machine that others use too gets more. */
const MAX_MS = 3_000;

/** A program has 120 ms to clean up in, which a loaded machine may not give it each time. */
const RETRIES = { retry: 5 };

test.for([
  ["/isolated", true],
  ["/strict", false],
] as const)(
  "a Python loop in %s is interrupted at its time, and may clean up",
  RETRIES,
  async ([path, isolated]) => {
    const python = await runIn(path, CLEANS_UP);
    expect(python).toMatchObject({ isolated, end: "timeout 408", logs: ["cleaned up"] });
    expect(python?.ms).toBeLessThan(MAX_MS);
  },
);

test.for([
  ["/isolated", true],
  ["/strict", false],
] as const)("a Python loop in %s that goes on is ended", RETRIES, async ([path, isolated]) => {
  const python = await runIn(path, GOES_ON);
  expect(python).toMatchObject({ isolated, end: "timeout 408", logs: ["caught"] });
  expect(python?.ms).toBeLessThan(MAX_MS);
});
