import type { Browser } from "puppeteer-core";
import type { DrivenBrowser } from "./driven-browser.ts";

const COMMAND_TIMEOUT_MS = 60_000;

/** Firefox over WebDriver BiDi. Puppeteer ends it, with its processes, when we end or are interrupted. */
export async function openFirefox(executablePath: string): Promise<Browser> {
  const { launch } = await import("puppeteer-core");
  return launch({
    browser: "firefox",
    executablePath,
    headless: true,
    // The listener for WebRTC is on loopback, where Firefox by itself sends nothing.
    extraPrefsFirefox: { "media.peerconnection.ice.loopback": true },
    timeout: COMMAND_TIMEOUT_MS,
    protocolTimeout: COMMAND_TIMEOUT_MS,
  });
}

/** Firefox for suites that need no clicks. */
export async function launchFirefox(executablePath: string): Promise<DrivenBrowser> {
  const browser = await openFirefox(executablePath);
  return {
    async open(url) {
      const before = await browser.pages();
      const page = await browser.newPage();
      await Promise.all(before.map((one) => one.close()));
      await page.goto(url, { timeout: COMMAND_TIMEOUT_MS });
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
