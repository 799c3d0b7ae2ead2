import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright";
import { inject } from "vitest";
import { startPageServer } from "../../../demo/page-server.ts";
import { startErrorsServer } from "../../../demo/servers/errors-server.ts";
import { startEverythingServer } from "../../../demo/servers/everything-server.ts";
import { chromiumOptions } from "../../setup/chromium.ts";

/** The built demo page beside its two servers. */
export interface DemoServers extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly servers: { readonly errors: string; readonly everything: string };
}

/** The same with a browser. */
export interface DemoSite extends DemoServers {
  readonly browser: Browser;
  /** Opens the page in a context of its own, as axe needs it, and waits until programs can run. */
  openPage(address?: string, options?: BrowserContextOptions): Promise<DemoVisit>;
}

export interface DemoVisit extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about, violations of the content security policy included. */
  readonly complaints: readonly string[];
}

export async function openDemoServers(): Promise<DemoServers> {
  await using starting = new AsyncDisposableStack();
  const folder = inject("demoFolder");
  const errors = await startErrorsServer({ port: 0 });
  starting.defer(() => errors.close());
  const everything = await startEverythingServer({ port: 0 });
  starting.defer(() => everything.close());
  const servers = { errors: errors.url, everything: everything.url };
  const page = await startPageServer({ folder, port: 0, servers });
  starting.defer(() => page.close());
  const running = starting.move();
  return { url: page.url, folder, servers, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

export async function openDemoSite(): Promise<DemoSite> {
  await using starting = new AsyncDisposableStack();
  const { url, folder, servers } = starting.use(await openDemoServers());
  const browser = starting.use(await chromium.launch(chromiumOptions()));
  const running = starting.move();
  return {
    url,
    folder,
    servers,
    browser,
    async openPage(address = url, options = {}) {
      const context = await browser.newContext({ reducedMotion: "reduce", ...options });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        // An MCP server of 2025 refuses the SDK's first question with 400.
        const known =
          message.text().includes("status of 400 (Bad Request)") &&
          message.location().url === servers.everything;
        if ((message.type() === "error" || message.type() === "warning") && !known)
          complaints.push(message.text());
      });
      await page.goto(address);
      await page.locator("#run-status:not([data-state=starting])").waitFor();
      await page.locator("[data-server=everything]:not([data-state=connecting])").waitFor();
      return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Replaces the program by typing, as a visitor would. */
export async function typeProgram(page: Page, code: string): Promise<void> {
  await page.getByRole("textbox", { name: /^Program in/ }).click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(code);
}

/** What the page shows as the value of the last run, when it has ended. */
export async function readValue(page: Page): Promise<unknown> {
  await page.locator("#run-status[data-state=returned]").waitFor();
  return JSON.parse((await page.getByLabel("Returned value").textContent()) ?? "");
}

/** What axe finds, and what runs off the side. */
export async function findFaults(page: Page): Promise<readonly string[]> {
  // Without a page of its own for each look; that is for frames of other origins, and the one here shows nothing.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return [
    ...violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    ),
    ...(await findWide(page)),
  ];
}

/** The page, or columns of it, with content that is wider than they are. */
export function findWide(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("html, .masthead, .column, .tour")]
      .filter((node) => node.scrollWidth > node.clientWidth)
      .map((node) => `too wide: ${node.tagName.toLowerCase()}${node.id === "" ? "" : `#${node.id}`}`),
  );
}
